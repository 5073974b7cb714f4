import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchedulerKit } from '../../src/testing/index.js';
import { letters, lettersOfRuns, roomFor } from '../support/scheduler-order.js';

test('Vanilla writes all that the kernel takes, at once, whatever TCP_INFO says', () => {
  const kit = new SchedulerKit({ policy: 'vanilla' });
  const channel = kit.channel({ tcpInfo: roomFor(1) });
  const circuit = channel.circuit().queue(500);
  assert.equal(kit.nextWakeMs, 0);
  kit.tick();
  assert.equal(circuit.sent, 500);
  assert.equal(kit.stats().tcpInfoCalls, 0);
  // Again at once: no interval.
  kit.advance(1);
  circuit.queue(3);
  assert.equal(kit.nextWakeMs, 1);
});

test('Vanilla serves channels in the order of becoming pending, circuits compete within one only', () => {
  const kit = new SchedulerKit({ policy: 'vanilla' });
  const [one, two] = [kit.channel(), kit.channel()];
  const a = one.circuit();
  const b = one.circuit();
  const c = two.circuit();
  c.queue(9);
  kit.tick();
  // c sent most and goes first all the same.
  c.queue(3);
  a.queue(2);
  b.queue(2);
  assert.equal(lettersOfRuns(kit), 'cccabab');
});

test('Vanilla: a full outbuf waits for its transport, not for time', () => {
  const kit = new SchedulerKit({ policy: 'vanilla' });
  const channel = kit.channel({ kernelTakes: 0 });
  const circuit = channel.circuit().queue(100);
  kit.tick();
  // 32768 / 512
  assert.equal(circuit.sent, 64);
  assert.equal(channel.state, 'waiting-to-write');
  assert.equal(kit.nextWakeMs, undefined);
  // 32768 - 16384 is not under the low-water mark of 16384, one byte less is.
  channel.drainOutbuf(16_384);
  assert.equal(channel.state, 'waiting-to-write');
  channel.drainOutbuf(1);
  assert.equal(channel.state, 'pending');
  kit.tick();
  // 32768 - 16383 = 16385 bytes of room: 32 cells.
  assert.equal(circuit.sent, 96);
});

test('Vanilla: a channel that takes nothing does not hold up the others', () => {
  const kit = new SchedulerKit({ policy: 'vanilla' });
  kit.channel({ kernelTakes: 0 }).circuit().queue(1000);
  const other = kit.channel().circuit().queue(5);
  kit.tick();
  assert.equal(other.sent, 5);
});

test('Vanilla: a DESTROY alone is written at once', () => {
  const kit = new SchedulerKit({ policy: 'vanilla' });
  kit.channel().queueDestroy();
  assert.ok(kit.tick());
  assert.equal(letters(kit.takeWrites()), 'D');
});
