import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchedulerKit } from '../../src/testing/index.js';
import { TIMED_ONLY, WIDE, cellOrder, letters, lettersOfRuns, roomFor } from '../support/scheduler-order.js';

test('over all channels the best circuit goes first', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const [one, two] = [kit.channel({ tcpInfo: WIDE }), kit.channel({ tcpInfo: WIDE })];
  one.circuit().queue(4);
  two.circuit().queue(2);
  two.circuit().queue(3);
  kit.tick();
  const writes = kit.takeWrites();
  assert.equal(letters(writes), 'abcabcaca');
  assert.deepEqual(writes[0], {
    reactor: 0,
    run: 1,
    kind: 'timed',
    timeMs: 0,
    channel: 1,
    circuit: 1,
    cells: 1,
  });
});

test('a quieter circuit on a pending channel takes the channel to the front', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const [one, two] = [kit.channel({ tcpInfo: roomFor(4) }), kit.channel({ tcpInfo: roomFor(4) })];
  const b1 = one.circuit();
  const b2 = two.circuit();
  const quiet = two.circuit();
  b1.queue(100);
  b2.queue(200);
  kit.advance(45);
  kit.takeWrites();
  // Both channels are pending with bulk of equal counts; now two has a circuit with none.
  quiet.queue(3);
  assert.equal(lettersOfRuns(kit), 'ccc' + 'a' + 'b' + 'aaa');
});

test('a circuit whose cells were dropped is passed over', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: WIDE });
  const [a, b] = channel.circuits(2);
  a?.queue(5);
  b?.queue(2);
  a?.drop();
  assert.equal(a?.queued, 0);
  assert.equal(lettersOfRuns(kit), 'bb');
  b?.queue(1);
  b?.drop();
  assert.equal(channel.state, 'waiting-for-cells');
  assert.equal(kit.nextWakeMs, undefined);
});

test('a DESTROY wakes a silent channel', () => {
  const kit = new SchedulerKit();
  const channel = kit.channel();
  assert.equal(kit.nextWakeMs, undefined);
  channel.queueDestroy();
  assert.equal(kit.nextWakeMs, 0);
  assert.equal(lettersOfRuns(kit), 'D');
  assert.equal(kit.nextWakeMs, undefined);
  assert.deepEqual([kit.stats().destroysWritten, kit.stats().cellsWritten], [1, 0]);
});

test('DESTROYs go first but have a bounded share: one, then seven cells, while there are any', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: WIDE });
  channel.circuit().queue(16);
  for (let i = 0; i < 5; ++i) channel.queueDestroy();
  assert.equal(lettersOfRuns(kit), 'DaaaaaaaDaaaaaaaDaaDD');
});

test('DESTROYs respect the limit', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: roomFor(3) });
  for (let i = 0; i < 5; ++i) channel.queueDestroy();
  assert.equal(lettersOfRuns(kit), 'DDD');
  assert.equal(lettersOfRuns(kit), 'DD');
});

test('a closed channel is forgotten in every state, and the others go on', () => {
  const kit = new SchedulerKit({ lightWake: false, drainWake: false });
  const pending = kit.channel();
  const parked = kit.channel({ tcpInfo: roomFor(0) });
  const stopped = kit.channel();
  const idle = kit.channel();
  const other = kit.channel({ tcpInfo: WIDE });
  parked.circuit().queue(5);
  kit.tick();
  pending.circuit().queue(5);
  pending.queueDestroy();
  stopped.circuit().queue(5);
  stopped.setWritable(false);
  const left = other.circuit().queue(7);
  assert.deepEqual(
    [pending, parked, stopped, idle].map(({ state }) => state),
    ['pending', 'parked', 'waiting-to-write', 'waiting-for-cells'],
  );
  for (const channel of [pending, parked, stopped, idle]) {
    channel.close();
    channel.close();
    assert.equal(channel.state, 'closed');
  }
  kit.advance(10_000);
  assert.deepEqual(cellOrder(kit.takeWrites()), Array(7).fill(left.number));
  assert.equal(kit.nextWakeMs, undefined);
  assert.equal(kit.stats().pendingChannels, 0);
});

test('a channel that may not write keeps its cells until it may', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: WIDE });
  channel.setWritable(false);
  assert.equal(channel.state, 'idle');
  const circuit = channel.circuit().queue(3);
  assert.equal(channel.state, 'waiting-to-write');
  assert.equal(kit.nextWakeMs, undefined);
  channel.setWritable(true);
  assert.equal(channel.state, 'pending');
  kit.tick();
  assert.equal(circuit.sent, 3);
  assert.equal(channel.state, 'waiting-for-cells');
});

test('10,000 circuits on 100 channels are each served once before any is served again', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channels = Array.from({ length: 100 }, () => kit.channel({ tcpInfo: WIDE }));
  const circuits = channels.flatMap((channel) => channel.circuits(100));
  for (const circuit of circuits.toReversed()) circuit.queue(2);
  kit.tick();
  const order = cellOrder(kit.takeWrites());
  const numbers = circuits.map(({ number }) => number);
  assert.deepEqual(order, [...numbers, ...numbers]);
  assert.equal(kit.nextWakeMs, undefined);
});

test('10,000 circuits on one channel: a newcomer among them is next', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: roomFor(30_000) });
  channel.circuits(10_000).forEach((circuit) => circuit.queue(10));
  kit.tick();
  kit.takeWrites();
  const quiet = channel.circuit().queue(3);
  kit.tick();
  assert.deepEqual(cellOrder(kit.takeWrites()).slice(0, 4), [...Array<number>(3).fill(quiet.number), 1]);
});

test('two reactors: each orders its own channels, in lock step, the lower index first', () => {
  const kit = new SchedulerKit({ reactors: 2, ...TIMED_ONLY });
  const here = kit.channel({ reactor: 0, tcpInfo: roomFor(3) });
  const there = kit.channel({ reactor: 1, tcpInfo: roomFor(3) });
  const bulk = there.circuit().queue(100);
  kit.advance(25);
  kit.takeWrites();
  // A quiet circuit on the other reactor is not held up by bulk here, and does not overtake it either.
  const quiet = here.circuit().queue(2);
  kit.advance(10);
  assert.deepEqual(
    kit.takeWrites().map(({ reactor, timeMs, circuit, cells }) => [reactor, timeMs, circuit, cells]),
    [
      [0, 25, quiet.number, 2],
      [1, 30, bulk.number, 3],
    ],
  );
});

test('two reactors due at one moment run in index order in one tick', () => {
  const kit = new SchedulerKit({ reactors: 2, ...TIMED_ONLY });
  const [there, here] = [1, 0].map((reactor) => kit.channel({ reactor, tcpInfo: WIDE }).circuit().queue(1));
  assert.ok(kit.tick());
  assert.deepEqual(
    kit.takeWrites().map(({ reactor, circuit, run }) => [reactor, circuit, run]),
    [
      [0, here?.number, 1],
      [1, there?.number, 1],
    ],
  );
  assert.deepEqual([kit.stats(0).cellsWritten, kit.stats(1).cellsWritten], [1, 1]);
});
