import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchedulerKit } from '../../src/testing/index.js';
import { TIMED_ONLY, lettersOfRuns, roomFor } from '../support/scheduler-order.js';

test('KISTLite: the limit is the room under 32,768 bytes of outbuf, and the kernel is not asked', () => {
  const kit = new SchedulerKit({ policy: 'kist-lite', ...TIMED_ONLY });
  const channel = kit.channel({ tcpInfo: roomFor(1), kernelTakes: 10_000 });
  const circuit = channel.circuit().queue(1000);
  kit.tick();
  assert.equal(channel.limit, 32_768);
  assert.equal(circuit.sent, 64);
  kit.tick();
  // 32768 - 10000 = 22768 are left: room for 10000 bytes, 19 cells of 512.
  assert.equal(channel.limit, 10_000);
  assert.equal(circuit.sent, 64 + 19);
  assert.equal(kit.stats().tcpInfoCalls, 0);
  assert.equal(kit.stats().fallbacks, 0);
});

test('KISTLite: an outbuf over the mark leaves no room, never a huge one', () => {
  const kit = new SchedulerKit({ policy: 'kist', ...TIMED_ONLY });
  const channel = kit.channel({ tcpInfo: { cwnd: 1000, mss: 1000 }, kernelTakes: 0 });
  const circuit = channel.circuit().queue(200);
  kit.tick();
  assert.equal(channel.outbuf, 200 * 512);
  kit.configure({ policy: 'kist-lite' });
  circuit.queue(10);
  kit.tick();
  assert.equal(channel.limit, 0);
  assert.equal(circuit.queued, 10);
});

test('KISTLite: timing and order are those of KIST', () => {
  const kit = new SchedulerKit({ policy: 'kist-lite', ...TIMED_ONLY });
  const [one, two] = [kit.channel(), kit.channel()];
  one.circuit().queue(70);
  two.circuit().queue(3);
  // By turns while both have cells; then a up to its 64.
  assert.equal(lettersOfRuns(kit), 'ababab' + 'a'.repeat(61));
  assert.equal(kit.nextWakeMs, 10);
  assert.equal(lettersOfRuns(kit), 'a'.repeat(6));
  assert.equal(kit.nextWakeMs, undefined);
});
