import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SchedulerKit } from '../../src/testing/index.js';
import { TIMED_ONLY, cellOrder, roomFor } from '../support/scheduler-order.js';
import { Reference, exactLimit } from '../support/scheduler-reference.js';

const uint32 = fc.oneof(fc.nat(100), fc.nat(100_000), fc.nat(2 ** 32 - 1));
const anyFigures = fc.record({ cwnd: uint32, unacked: uint32, mss: uint32, notsent: uint32 });
const smallFigures = fc.record({
  cwnd: fc.nat(30),
  unacked: fc.nat(40),
  mss: fc.constantFrom(0, 536, 700, 1448),
  notsent: fc.oneof(fc.constant(0), fc.nat(30_000)),
});
const MAX_INT64 = 2n ** 63n - 1n;

/** The exact limit as the scheduler's signed 64 bits hold it, and as a double shows it. */
function shown(limit: bigint): number {
  return Number(limit > MAX_INT64 ? MAX_INT64 : limit);
}

test('no run writes more than the limit, and the limit is the formula, whatever the kernel says', () => {
  const runs = fc.array(fc.record({ info: anyFigures, cells: fc.integer({ min: 1, max: 200 }) }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(runs, fc.nat(50_000), fc.constantFrom(0, 1, 2, 4), (steps, kernelTakes, halves) => {
      const kit = new SchedulerKit({ ...TIMED_ONLY, sockBufSizeFactor: halves / 2 });
      const channel = kit.channel({ kernelTakes });
      const circuit = channel.circuit();
      for (const { info, cells } of steps) {
        channel.setTcpInfo(info);
        circuit.queue(cells);
        const limit = exactLimit(info, channel.outbuf, halves);
        kit.tick();
        // Products past 2^53 are rounded on their way through a double.
        const isExact = limit < 2n ** 50n;
        if (isExact) assert.equal(channel.limit, shown(limit));
        assert.ok(channel.written <= channel.limit, `${channel.written} of ${channel.limit}`);
      }
    }),
    { numRuns: 300 },
  );
});

test('no channel with room and cells starves within a run', () => {
  const channels = fc.array(
    fc.record({ info: smallFigures, cells: fc.array(fc.nat(60), { maxLength: 6 }) }),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  fc.assert(
    fc.property(channels, fc.nat(22), (scenario, recordOverhead) => {
      const kit = new SchedulerKit(TIMED_ONLY);
      const made = scenario.map(({ info, cells }) => {
        const channel = kit.channel({ tcpInfo: info, recordOverhead });
        const circuits = cells.filter((count) => count > 0).map((count) => channel.circuit().queue(count));
        return { channel, circuits };
      });
      for (let run = 0; run < 3 && kit.tick(); ++run) {
        for (const { channel, circuits } of made) {
          if (circuits.every(({ queued }) => queued === 0)) continue;
          // The next cell may begin a record.
          assert.ok(channel.limit - channel.written < 512 + recordOverhead);
        }
      }
    }),
    { numRuns: 300 },
  );
});

const scenario = fc.record({
  // No multiple of one is a whole number of milliseconds within the scenario: sums are equal or clearly not.
  halflife: fc.constantFrom(100.7, 1700.3, 30_000.1),
  channels: fc.array(fc.record({ ewma: fc.nat(3), overhead: fc.constantFrom(0, 22) }), {
    minLength: 1,
    maxLength: 6,
  }),
  circuits: fc.array(fc.nat(5), { minLength: 1, maxLength: 14 }),
  earlyRuns: fc.boolean(),
  runs: fc.array(
    fc.record({
      queue: fc.array(fc.tuple(fc.nat(13), fc.integer({ min: 1, max: 25 })), { maxLength: 8 }),
      destroys: fc.array(fc.nat(5), { maxLength: 2 }),
      figures: fc.array(smallFigures, { minLength: 6, maxLength: 6 }),
      waitMs: fc.nat(60),
    }),
    { minLength: 1, maxLength: 12 },
  ),
});

test('the order with runs of cells equals the order one cell at a time', () => {
  let moved = 0;
  fc.assert(
    fc.property(scenario, ({ halflife, channels, circuits, earlyRuns, runs }) => {
      const kit = new SchedulerKit({
        ...TIMED_ONLY,
        lightWake: earlyRuns,
        circuitPriorityHalflifeMs: halflife,
      });
      const reference = new Reference(halflife);
      const made = channels.map(({ ewma, overhead }) => {
        reference.addChannel(ewma > 0, overhead);
        return kit.channel({ mux: ewma > 0 ? 'ewma' : 'round-robin', recordOverhead: overhead });
      });
      const queues = circuits.map((index) => {
        reference.addCircuit(index % made.length);
        return made[index % made.length]?.circuit();
      });
      for (const { queue, destroys, figures, waitMs } of runs) {
        for (const [index, cells] of queue) {
          queues[index % queues.length]?.queue(cells);
          reference.queue(index % queues.length, cells);
        }
        for (const index of destroys) {
          made[index % made.length]?.queueDestroy();
          reference.queueDestroy(index % made.length);
        }
        made.forEach((channel, index) => {
          const info = figures[index] ?? { cwnd: 0, unacked: 0, mss: 0, notsent: 0 };
          channel.setTcpInfo(info);
          const target = reference.channels[index];
          if (target !== undefined) target.limit = Number(exactLimit(info, 0));
        });
        if (!kit.tick()) continue;
        const order = cellOrder(kit.takeWrites());
        moved += order.length;
        assert.deepEqual(order, reference.run(kit.nowMs));
        const due = kit.nextWakeMs ?? Infinity;
        kit.advance(Math.min(waitMs, Math.max(0, due - kit.nowMs - 1)));
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(moved > 10_000, `only ${moved} cells moved`);
});

test('a quiet circuit overtakes bulk within one run, on its channel and on another', () => {
  const bulk = fc.array(fc.integer({ min: 20, max: 60 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(bulk, fc.integer({ min: 1, max: 5 }), fc.boolean(), (sent, cells, same) => {
      const kit = new SchedulerKit(TIMED_ONLY);
      const channel = kit.channel({ tcpInfo: { cwnd: 1000, mss: 1448 } });
      const circuits = sent.map((count) => channel.circuit().queue(count));
      kit.tick();
      kit.advance(5);
      channel.setTcpInfo(roomFor(8));
      const other = same ? channel : kit.channel({ tcpInfo: roomFor(8) });
      for (const circuit of circuits) circuit.queue(100);
      const quiet = other.circuit().queue(cells);
      kit.takeWrites();
      kit.tick();
      const order = cellOrder(kit.takeWrites());
      // Each bulk circuit has sent at least 20, the quiet one at most 5.
      assert.deepEqual(order.slice(0, cells), Array(cells).fill(quiet.number));
      assert.equal(order.length, same ? 8 : 8 + cells);
    }),
    { numRuns: 200 },
  );
});

test('the same calls give the same cells twice, early runs included', () => {
  const step = fc.record({ circuit: fc.nat(19), cells: fc.integer({ min: 1, max: 30 }), ms: fc.nat(4) });
  const play = (steps: readonly { circuit: number; cells: number; ms: number }[]): unknown => {
    const kit = new SchedulerKit({ reactors: 2 });
    const channels = [0, 1, 0, 1].map((reactor) => kit.channel({ reactor, tcpInfo: roomFor(6) }));
    const circuits = Array.from({ length: 20 }, (_, index) => channels[index % 4]?.circuit());
    for (const { circuit, cells, ms } of steps) {
      circuits[circuit]?.queue(cells);
      kit.advance(ms);
      channels[circuit % 4]?.drained();
    }
    kit.advance(50);
    return [kit.takeWrites(), kit.takeOutbufWrites(), kit.nextWakeMs];
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => assert.deepEqual(play(steps), play(steps))),
    { numRuns: 50 },
  );
});
