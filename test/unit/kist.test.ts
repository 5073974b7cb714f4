import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchedulerKit } from '../../src/testing/index.js';
import type { TcpInfoFigures } from '../../src/testing/index.js';
import { TIMED_ONLY, lettersOfRuns, roomFor } from '../support/scheduler-order.js';

// limit = max(max(cwnd - unacked, 0) * mss + floor(cwnd * mss * factor) - notsent - outbuf, 0)
const EXAMPLES: readonly (readonly [string, TcpInfoFigures, factor: number, limit: number])[] = [
  // 10 * 1448 + 10 * 1448
  ['nothing in flight: two windows', { cwnd: 10, unacked: 0, mss: 1448 }, 1, 28_960],
  // 6 * 1448 + 10 * 1448 - 1000 = 8688 + 14480 - 1000
  ['part in flight, part not sent', { cwnd: 10, unacked: 4, mss: 1448, notsent: 1000 }, 1, 22_168],
  // 0 + 14480
  ['the window in flight: the reserve alone', { cwnd: 10, unacked: 10, mss: 1448 }, 1, 14_480],
  // 6 * 1448 + 0
  ['factor 0: no reserve', { cwnd: 10, unacked: 4, mss: 1448 }, 0, 8688],
  // 0 + 0 - 1000 < 0
  ['factor 0, all in flight', { cwnd: 10, unacked: 10, mss: 1448, notsent: 1000 }, 0, 0],
  // 0 + floor(3 * 1447 * 0.5) = floor(2170.5)
  ['factor 0.5 is rounded down', { cwnd: 3, unacked: 3, mss: 1447 }, 0.5, 2170],
  // 5 * 1448 + floor(20 * 1448 * 0.5) - 700 = 7240 + 14480 - 700
  ['factor 0.5 with unsent bytes', { cwnd: 20, unacked: 15, mss: 1448, notsent: 700 }, 0.5, 21_020],
  // 4 * 1000 + 2 * 10000 - 6000
  ['factor 2', { cwnd: 10, unacked: 6, mss: 1000, notsent: 6000 }, 2, 18_000],
  // The surplus of 15 segments is floored on its own: 0 + 14480 - 1000. Without the floor: 14480 - 21720 - 1000 < 0.
  ['more in flight than the window', { cwnd: 10, unacked: 25, mss: 1448, notsent: 1000 }, 1, 13_480],
  // 5 * 1000 + (10000 - 12500) = 5000 - 2500
  ['a negative reserve', { cwnd: 10, unacked: 5, mss: 1000, notsent: 12_500 }, 1, 2500],
  // 5 * 1000 + (10000 - 20000) < 0: the sum is floored too.
  ['more unsent than both windows', { cwnd: 10, unacked: 5, mss: 1000, notsent: 20_000 }, 1, 0],
  ['mss 0', { cwnd: 10, unacked: 0, mss: 0 }, 1, 0],
  ['no window', { cwnd: 0, unacked: 0, mss: 1448 }, 1, 0],
  // 100000 * 65483 * 2: more than 32 bits hold.
  ['past 32 bits', { cwnd: 100_000, unacked: 0, mss: 65_483 }, 1, 13_096_600_000],
  // (2^32 - 1)^2 is over 2^63 - 1, where it saturates; one double above.
  ['the largest figures', { cwnd: 2 ** 32 - 1, unacked: 0, mss: 2 ** 32 - 1 }, 1, 2 ** 63],
  // 28960 - (2^32 - 1) < 0
  ['the largest unsent', { cwnd: 10, mss: 1448, notsent: 2 ** 32 - 1 }, 1, 0],
];

for (const [what, tcpInfo, sockBufSizeFactor, limit] of EXAMPLES) {
  test(`the write limit by hand: ${what}`, () => {
    const kit = new SchedulerKit({ ...TIMED_ONLY, sockBufSizeFactor });
    const channel = kit.channel({ tcpInfo });
    const circuit = channel.circuit().queue(1000);
    kit.tick();
    assert.equal(channel.limit, limit);
    // Whole cells of 512 bytes.
    assert.equal(circuit.sent, Math.min(1000, Math.floor(limit / 512)));
    assert.equal(channel.written, circuit.sent * 512);
  });
}

test('limits follow a window that shrinks between runs, down to nothing', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel().script([
    { fromMs: 0, info: { cwnd: 40, unacked: 0, mss: 1000 } },
    { fromMs: 10, info: { cwnd: 20, unacked: 30, mss: 1000, notsent: 5000 } },
    { fromMs: 20, info: { cwnd: 2, unacked: 30, mss: 1000, notsent: 40_000 } },
    { fromMs: 30, info: { cwnd: 4, unacked: 3, mss: 1000, notsent: 0 } },
  ]);
  channel.circuit().queue(1000);
  const limits = [0, 10, 20, 30].map((ms) => {
    assert.ok(kit.tick());
    assert.equal(kit.nowMs, ms);
    return channel.limit;
  });
  // 40000 + 40000; 0 + 20000 - 5000; 0 + 2000 - 40000 floored; 1000 + 4000.
  assert.deepEqual(limits, [80_000, 15_000, 0, 5000]);
});

test('what the kernel did not take is in the outbuf, and off the next limit', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: { cwnd: 10, unacked: 10, mss: 1448 }, kernelTakes: 5000 });
  channel.circuit().queue(1000);
  const runs = [0, 1, 2].map(() => {
    kit.tick();
    return [channel.limit, channel.written, channel.outbuf];
  });
  assert.deepEqual(runs, [
    [14_480, 28 * 512, 9336], // 14336 written, 5000 taken.
    [5144, 10 * 512, 9456], // 14480 - 9336; 9336 + 5120 - 5000.
    [5024, 9 * 512, 9064], // 14480 - 9456; 9456 + 4608 - 5000.
  ]);
  assert.deepEqual(
    kit.takeOutbufWrites().map(({ bytes }) => bytes),
    [5000, 5000, 5000],
  );
});

test('a cell costs what its record adds', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({
    tcpInfo: { cwnd: 10, unacked: 10, mss: 1448 },
    cellBytes: 514,
    recordOverhead: 22,
  });
  const circuit = channel.circuit().queue(100);
  kit.tick();
  // One record: 22 + 514 n <= 14480 for n = 28 (14414), not for 29 (14928).
  assert.equal(circuit.sent, 28);
  assert.equal(channel.written, 14_414);
});

test('a factor set while running counts from the next run on', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: { cwnd: 10, unacked: 10, mss: 1000 } });
  channel.circuit().queue(1000);
  kit.tick();
  assert.equal(channel.limit, 10_000);
  kit.configure({ sockBufSizeFactor: 0.25 });
  kit.tick();
  assert.equal(channel.limit, 2500);
});

test('where it is asked for, the pacing rate bounds what could be sent now', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, pacingCap: true });
  const figures = { cwnd: 100, unacked: 50, mss: 1000 };
  const slow = kit.channel({ tcpInfo: { ...figures, pacingRate: 1_000_000 } });
  const unknown = kit.channel({ tcpInfo: figures });
  for (const channel of [slow, unknown]) channel.circuit().queue(1000);
  kit.tick();
  // min(50 * 1000, 1000000 B/s * 10 ms) + 100000
  assert.equal(slow.limit, 110_000);
  assert.equal(unknown.limit, 150_000);
});

test('a kernel without TCP_INFO: the room under 32,768 bytes of outbuf, and it is not asked again', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ kernelTakes: 20_000 }).script([
    { fromMs: 0, error: 'unsupported' },
    { fromMs: 5, info: { cwnd: 1, unacked: 1, mss: 1000 } },
  ]);
  const circuit = channel.circuit().queue(1000);
  kit.tick();
  assert.equal(channel.limit, 32_768);
  assert.equal(circuit.sent, 64);
  kit.tick();
  // 64 * 512 - 20000 = 12768 are left in the outbuf: 32768 - 12768.
  assert.equal(channel.limit, 20_000);
  const { tcpInfoCalls, tcpInfoErrors, fallbacks } = kit.stats();
  assert.deepEqual([tcpInfoCalls, tcpInfoErrors, fallbacks], [1, 0, 2]);
});

test('any other error: the outbuf stands in for that run and that channel only', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const failing = kit.channel().script([
    { fromMs: 0, error: 'error' },
    { fromMs: 10, info: roomFor(3) },
  ]);
  const other = kit.channel({ tcpInfo: roomFor(5) });
  for (const channel of [failing, other]) channel.circuit().queue(500);
  kit.tick();
  assert.deepEqual([failing.limit, other.limit], [32_768, 5 * 512]);
  kit.tick();
  assert.deepEqual([failing.limit, other.limit], [3 * 512, 5 * 512]);
  const { tcpInfoCalls, tcpInfoErrors, fallbacks } = kit.stats();
  assert.deepEqual([tcpInfoCalls, tcpInfoErrors, fallbacks], [4, 1, 1]);
});

test('only channels with cells are asked for their figures', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  for (let i = 0; i < 50; ++i) kit.channel().circuit();
  kit.channel().circuit().queue(1);
  kit.tick();
  assert.equal(kit.stats().tcpInfoCalls, 1);
});

test('a channel at its limit lets a worse circuit of another channel go on', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const narrow = kit.channel({ tcpInfo: roomFor(2) });
  const wide = kit.channel({ tcpInfo: roomFor(6) });
  narrow.circuit().queue(10);
  wide.circuit().queue(10);
  // Turn by turn until a's channel is at its limit.
  assert.equal(lettersOfRuns(kit), 'ababbbbb');
  assert.deepEqual([narrow.state, wide.state], ['pending', 'pending']);
});

test('every outbuf of a run is written once, in the order of first service', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channels = [1, 2, 3].map(() => kit.channel());
  for (const channel of channels.toReversed()) channel.circuits(2).forEach((circuit) => circuit.queue(5));
  kit.tick();
  // Circuits 1 and 2 are on channel 3: the lowest number is served first.
  assert.deepEqual(
    kit.takeOutbufWrites().map(({ channel, bytes }) => [channel, bytes]),
    [
      [3, 5120],
      [2, 5120],
      [1, 5120],
    ],
  );
});
