import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchedulerKit } from '../../src/testing/index.js';
import { TIMED_ONLY, WIDE, letters, roomFor } from '../support/scheduler-order.js';

/** [kind, time] of each run that moved cells. */
function runs(kit: SchedulerKit): (readonly [string, number])[] {
  const seen = new Map(kit.takeWrites().map(({ run, kind, timeMs }) => [run, [kind, timeMs] as const]));
  return [...seen.values()];
}

test('the first cell after a quiet time is served at once; under load the interval is the period', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, runIntervalMs: 4 });
  const circuit = kit.channel({ tcpInfo: roomFor(2) }).circuit();
  kit.advance(100);
  circuit.queue(5);
  assert.equal(kit.nextWakeMs, 100);
  kit.advance(20);
  assert.deepEqual(runs(kit), [
    ['timed', 100],
    ['timed', 104],
    ['timed', 108],
  ]);
  // The interval counts from the last run, also for a first cell.
  assert.equal(kit.nextWakeMs, undefined);
  circuit.queue(1);
  kit.tick();
  circuit.queue(1);
  assert.equal(kit.nextWakeMs, 124);
});

test('an interval set while running counts at once; 0 is the default of 10 ms', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, runIntervalMs: 50 });
  kit
    .channel({ tcpInfo: roomFor(1) })
    .circuit()
    .queue(100);
  kit.tick();
  assert.equal(kit.nextWakeMs, 50);
  kit.configure({ runIntervalMs: 3 });
  assert.equal(kit.nextWakeMs, 3);
  kit.configure({ runIntervalMs: 0 });
  assert.equal(kit.nextWakeMs, 10);
});

test('a drained kernel buffer asks for an early run over all channels, best circuit first', () => {
  const kit = new SchedulerKit({ lightWake: false, minRunGapMs: 1 });
  const drained = kit.channel({ tcpInfo: roomFor(4) });
  const other = kit.channel({ tcpInfo: roomFor(4) });
  const bulk = drained.circuit().queue(100);
  kit.tick();
  kit.takeWrites();
  const quiet = other.circuit().queue(2);
  assert.equal(kit.nextWakeMs, 10);
  kit.advance(0.5);
  assert.equal(drained.drained(), true);
  // At least minRunGap after the last run; the quiet circuit of the other channel goes first.
  assert.equal(kit.nextWakeMs, 1);
  kit.tick();
  const writes = kit.takeWrites();
  assert.deepEqual(
    writes.map(({ kind, timeMs, circuit, cells }) => [kind, timeMs, circuit, cells]),
    [
      ['drain', 1, quiet.number, 2],
      ['drain', 1, bulk.number, 4],
    ],
  );
  // It did not move the timed run.
  assert.equal(kit.nextWakeMs, 10);
  assert.equal(kit.stats().drainRuns, 1);
});

test('nobody asks to be told of a drain without need: no cells left, room left, or switched off', () => {
  const kit = new SchedulerKit({ lightWake: false });
  const emptied = kit.channel({ tcpInfo: roomFor(4) });
  emptied.circuit().queue(4);
  kit.tick();
  assert.equal(emptied.drained(), false);
  const off = new SchedulerKit({ lightWake: false, drainWake: false });
  const full = off.channel({ tcpInfo: roomFor(4) });
  full.circuit().queue(100);
  off.tick();
  assert.equal(full.drained(), false);
  assert.equal(off.nextWakeMs, 10);
});

test('where a transport cannot tell that it drained, its pacing rate does', () => {
  const kit = new SchedulerKit({ lightWake: false });
  const channel = kit.channel({
    canWatch: false,
    tcpInfo: { ...roomFor(4), pacingRate: 1_024_000 },
  });
  channel.circuit().queue(100);
  kit.tick();
  // 2048 bytes at 1024000 B/s are sent after 2 ms.
  assert.equal(kit.nextWakeMs, 2);
  kit.tick();
  assert.deepEqual(runs(kit), [
    ['timed', 0],
    ['drain', 2],
  ]);
});

test('a light circuit that becomes active does not wait for the interval', () => {
  const kit = new SchedulerKit({ drainWake: false, minRunGapMs: 1 });
  const channel = kit.channel({ tcpInfo: { cwnd: 100, mss: 512 } });
  const bulk = channel.circuit().queue(150);
  kit.tick();
  const light = channel.circuit();
  kit.advance(3);
  light.queue(1);
  assert.equal(kit.nextWakeMs, 3);
  kit.tick();
  assert.equal(kit.stats().lightRuns, 1);
  assert.equal(light.sent, 1);
  // A heavier one than those served lately waits for the timed run.
  kit.advance(2);
  bulk.queue(1);
  assert.equal(kit.nextWakeMs, 10);
});

test('a light circuit waits for the gap after the last run', () => {
  const kit = new SchedulerKit({ drainWake: false, minRunGapMs: 2 });
  const channel = kit.channel({ tcpInfo: WIDE });
  channel.circuit().queue(10);
  kit.tick();
  kit.advance(0.5);
  channel.circuit().queue(1);
  assert.equal(kit.nextWakeMs, 2);
});

test('with light wakes off a light circuit waits for the interval', () => {
  const kit = new SchedulerKit({ lightWake: false });
  const channel = kit.channel({ tcpInfo: WIDE });
  channel.circuit().queue(10);
  kit.tick();
  kit.advance(3);
  channel.circuit().queue(1);
  assert.equal(kit.nextWakeMs, 10);
});

test('a light circuit on a channel at its limit asks for nothing', () => {
  const kit = new SchedulerKit({ drainWake: false });
  const channel = kit.channel({ tcpInfo: roomFor(5) });
  channel.circuit().queue(100);
  kit.tick();
  kit.advance(3);
  channel.circuit().queue(1);
  assert.equal(kit.nextWakeMs, 10);
});

test('a channel without room is asked again after 1, 2, 4, 8, 16 and 16 intervals', () => {
  const kit = new SchedulerKit();
  const channel = kit.channel({ tcpInfo: roomFor(0) });
  channel.circuit().queue(5);
  const times: number[] = [];
  for (let i = 0; i < 7; ++i) {
    kit.tick();
    times.push(kit.nowMs);
    assert.equal(channel.state, 'parked');
  }
  // 0, +10, +20, +40, +80, +160, +160
  assert.deepEqual(times, [0, 10, 30, 70, 150, 310, 470]);
  assert.equal(kit.stats().limitsAtZero, 7);
});

test('a parked channel is asked at once when it drained, and serves what waited', () => {
  const kit = new SchedulerKit();
  const channel = kit.channel({ tcpInfo: roomFor(0) });
  const circuit = channel.circuit().queue(5);
  kit.tick();
  channel.setTcpInfo(roomFor(8));
  kit.advance(2);
  assert.equal(circuit.sent, 0);
  assert.equal(channel.drained(), true);
  assert.equal(kit.nextWakeMs, 2);
  kit.tick();
  assert.equal(circuit.sent, 5);
});

test('a run is bounded in time; what is left goes on in the next one', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, maxRunMs: 1 });
  const channels = Array.from({ length: 300 }, () => kit.channel({ tcpInfo: WIDE }));
  channels.forEach((channel) => channel.circuit().queue(1));
  // Each reading of the clock takes 2 ms: the first check, after 63 flushes, ends the run.
  kit.setClockStep(2);
  kit.tick();
  assert.equal(kit.stats().runsCutShort, 1);
  assert.equal(letters(kit.takeWrites()).length, 63);
  kit.setClockStep(0);
  kit.advance(0);
  assert.equal(kit.stats().cellsWritten, 300);
});

test('the policy can change while channels are pending, parked and watched', () => {
  const kit = new SchedulerKit({ lightWake: false });
  const pending = kit.channel({ tcpInfo: roomFor(2) });
  const parked = kit.channel({ tcpInfo: roomFor(0) });
  const circuits = [pending, parked].map((channel) => channel.circuit().queue(100));
  kit.tick();
  assert.deepEqual(
    circuits.map(({ sent }) => sent),
    [2, 0],
  );
  kit.configure({ policy: 'kist-lite' });
  kit.tick();
  // Nobody is parked any more, and each has 64 cells of room.
  assert.equal(kit.nowMs, 10);
  assert.deepEqual(
    circuits.map(({ sent }) => sent),
    [66, 64],
  );
  kit.configure({ policy: 'vanilla' });
  assert.equal(kit.nextWakeMs, 10);
  kit.tick();
  assert.deepEqual(
    circuits.map(({ queued }) => queued),
    [0, 0],
  );
  kit.configure({ policy: 'kist' });
  circuits[1]?.queue(1);
  kit.tick();
  assert.equal(parked.limit, 0);
  assert.equal(parked.state, 'parked');
});
