import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Relay } from '../../src/relay/index.js';
import { codeOf, messageOf } from '../../src/util/errors.js';
import { FakeNative, reasonNumber, settled } from '../support/fake-native.js';
import { linkCell, OPEN, OPENED, OPEN_FAILED, OTHER, PEER, RelayRig, SELF } from '../support/relay-rig.js';

const TARGET = { host: '127.0.0.1', port: 5001, peerId: OTHER };

/** What a promise became, once everything that is due has happened. */
async function outcome(promise: Promise<unknown>): Promise<string> {
  let result = 'pending';
  promise.then(
    () => (result = 'done'),
    (error: unknown) => (result = `${codeOf(error)} ${messageOf(error)}`),
  );
  await settled();
  return result;
}

test('wrong relay arguments are TypeErrors that name them', () => {
  const wrong: [object, RegExp][] = [
    [{ agentId: -1 }, /^agentId must be/],
    [{ agentId: 1, port: 70_000 }, /^port must be/],
    [{ agentId: 1, host: 'localhost' }, /^host must be an IPv4 or IPv6 address, got "localhost"/],
    [{ agentId: 1, dialect: 'tor' }, /^dialect must be/],
    [{ agentId: 1, limits: { maxCircuits: 1.5 } }, /^limits.maxCircuits must be/],
    [{ agentId: 1, exit: { allow: ['example.com:80'] } }, /^exit.allow must be/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => new Relay(options as never), { name: 'TypeError', message });
  }
});

test('a port in use rejects start() with its code and leaves nothing behind', async () => {
  const fake = new FakeNative();
  fake.listenError = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });
  const relay = new Relay({ agentId: SELF, dataPlane: fake.plane });
  await assert.rejects(relay.start(), { code: 'EADDRINUSE' });
  await relay.stop();
  fake.plane.close();
});

test('OPEN is answered, the channel opened, and only then reading goes on', async () => {
  const rig = await RelayRig.start();
  rig.fake.emit('channelAccepted', 100, 1, 0, '127.0.0.1:5000');
  const before = rig.fake.calls.length;
  rig.fake.emit('linkCell', 100, OPEN, 0, linkCell(OPEN, PEER, SELF));
  const methods = rig.fake.calls.slice(before).map((call) => call.method);
  assert.deepEqual(methods.slice(0, 2), ['sendLinkCell', 'openChannel']);
  assert.equal(methods.at(-1), 'releaseLinkCell');
  assert.deepEqual(rig.fake.last('openChannel'), [100, false]);
  await rig.close();
});

test('OPEN for another is answered OPEN_FAILED and the channel closed', async () => {
  const rig = await RelayRig.start();
  rig.fake.emit('channelAccepted', 100, 1, 0, '127.0.0.1:5000');
  rig.fake.emit('linkCell', 100, OPEN, 0, linkCell(OPEN, PEER, OTHER));
  assert.deepEqual(rig.fake.last('sendLinkCell'), [100, linkCell(OPEN_FAILED, PEER, OTHER)]);
  assert.deepEqual(rig.fake.last('closeChannel'), [100]);
  assert.equal(rig.fake.count('openChannel'), 0);
  await rig.close();
});

test('a silent connection is closed after 10 s, one that vanishes leaves no timer', async () => {
  const rig = await RelayRig.start();
  rig.fake.emit('channelAccepted', 100, 1, 0, '127.0.0.1:5000');
  rig.fake.emit('channelAccepted', 101, 1, 0, '127.0.0.1:5001');
  rig.fake.emit('channelClosed', 101, reasonNumber('peer'));
  rig.clock.advance(9_999);
  assert.equal(rig.fake.count('closeChannel'), 0);
  rig.clock.advance(1);
  assert.deepEqual(rig.fake.args('closeChannel'), [[100]]);
  assert.equal(rig.clock.pendingTimers, 0);
  assert.equal(
    rig.relay.stats().control.handshakesFailed,
    1,
    'a connection closed before OPEN is no failure',
  );
  await rig.close();
});

test('requests for one peer share the connection; later ones use the open channel', async () => {
  const rig = await RelayRig.start();
  const both = [rig.relay.channels.get(TARGET), rig.relay.channels.get(TARGET)];
  assert.equal(rig.fake.count('connect'), 1);
  rig.connected(200);
  assert.deepEqual(rig.fake.args('sendLinkCell'), [[200, linkCell(OPEN, SELF, OTHER)]]);
  assert.deepEqual(rig.fake.last('openChannel'), [200, true]);
  const [first, second] = await Promise.all(both);
  assert.equal(first, second);
  assert.equal(await rig.relay.channels.get(TARGET), first);
  assert.equal(rig.fake.count('connect'), 1);
  await rig.close();
});

test('a request goes over a channel that the peer opened itself', async () => {
  const rig = await RelayRig.start();
  rig.accept(100, OTHER);
  const channel = await rig.relay.channels.get(TARGET);
  assert.equal(channel.channel.handle, 100);
  assert.equal(rig.fake.count('connect'), 0);
  await rig.close();
});

test('a request that was aborted rejects alone; the other one gets its channel', async () => {
  const rig = await RelayRig.start();
  const abort = new AbortController();
  const given = rig.relay.channels.get(TARGET, abort.signal);
  const kept = rig.relay.channels.get(TARGET);
  abort.abort();
  assert.match(await outcome(given), /^ERR_KIST_CLOSED/);
  rig.connected(200);
  assert.equal(await outcome(kept), 'done');
  await rig.close();
});

test('every way a connection can fail rejects by name within its deadline', async () => {
  const rig = await RelayRig.start();
  const refused = rig.relay.channels.get(TARGET);
  rig.fake.emit('channelConnectFailed', 0, rig.fake.last('connect')[0] as number, 111);
  assert.equal(await outcome(refused), 'ERR_KIST_CONNECT cannot connect to 127.0.0.1:5001: ECONNREFUSED');

  const silent = rig.relay.channels.get(TARGET);
  rig.connected(200, false);
  rig.clock.advance(5000);
  assert.equal(await outcome(silent), 'ERR_KIST_TIMEOUT OPEN to 127.0.0.1:5001 got no answer within 5000 ms');
  assert.deepEqual(rig.fake.last('closeChannel'), [200]);

  const dropped = rig.relay.channels.get(TARGET);
  rig.connected(201, false);
  rig.fake.emit('channelClosed', 201, reasonNumber('peer'));
  assert.match(await outcome(dropped), /^ERR_KIST_CHANNEL 127.0.0.1:5001 closed before OPENED \(peer\)/);

  const denied = rig.relay.channels.get(TARGET);
  rig.connected(202, false);
  rig.fake.emit('linkCell', 202, OPEN_FAILED, 0, linkCell(OPEN_FAILED, OTHER, SELF));
  assert.equal(await outcome(denied), 'pending', 'OPENED may still follow');
  rig.clock.advance(1000);
  assert.match(await outcome(denied), /^ERR_KIST_OPEN_REFUSED/);

  const later = rig.relay.channels.get(TARGET);
  rig.connected(203, false);
  rig.fake.emit('linkCell', 203, OPEN_FAILED, 0, linkCell(OPEN_FAILED, OTHER, SELF));
  rig.fake.emit('linkCell', 203, OPENED, 0, linkCell(OPENED, SELF, OTHER));
  assert.equal(await outcome(later), 'done');
  rig.clock.advance(1000);
  assert.equal(
    rig.fake.args('closeChannel').some(([handle]) => handle === 203),
    false,
  );
  await rig.close();
});

test('cells of an agent with several channels find their circuit; a lone channel delivers none', async () => {
  const rig = await RelayRig.start();
  rig.accept(100);
  assert.deepEqual(rig.fake.last('setDeliverUnknown'), [100, false]);
  rig.create(640, 100, 7);
  rig.accept(101);
  assert.deepEqual(rig.fake.args('setDeliverUnknown').slice(-2), [
    [100, true],
    [101, true],
  ]);
  const cell = Buffer.alloc(512, 1);
  rig.fake.emit('unknownCell', 101, 7, 0, cell);
  rig.fake.emit('unknownCell', 101, 8, 0, cell);
  assert.deepEqual(rig.fake.args('injectCell'), [[640, cell, false]]);
  rig.fake.emit('channelClosed', 101, reasonNumber('peer'));
  assert.deepEqual(rig.fake.last('setDeliverUnknown'), [100, false]);
  await rig.close();
});

test('the two ends of a connection to oneself are not mixed up', async () => {
  const rig = await RelayRig.start();
  rig.accept(100, SELF);
  rig.accept(101, SELF);
  assert.ok(rig.fake.args('setDeliverUnknown').every(([, enabled]) => enabled === false));
  await rig.close();
});

test('a channel that no circuit uses is closed after five minutes, not before, and not while one does', async () => {
  const rig = await RelayRig.start();
  rig.accept(100);
  rig.accept(101, OTHER);
  rig.create(640, 100);
  rig.clock.advance(299_999);
  assert.equal(rig.fake.count('closeChannel'), 0);
  rig.clock.advance(1);
  assert.deepEqual(rig.fake.args('closeChannel'), [[101]]);
  rig.fake.emit('circuitClosed', 640, reasonNumber('peer'), 1);
  rig.clock.advance(300_000);
  assert.deepEqual(rig.fake.args('closeChannel'), [[101], [100]]);
  await rig.close();
});

test('over the limit of channels a connection is closed at once', async () => {
  const rig = await RelayRig.start({ limits: { maxChannels: 1 } });
  rig.accept(100);
  rig.fake.emit('channelAccepted', 101, 1, 0, '127.0.0.1:5001');
  assert.deepEqual(rig.fake.args('closeChannel'), [[101]]);
  assert.equal(rig.relay.stats().control.channelsRefused, 1);
  await rig.close();
});

test('connections under way count as channels: those who ask us to extend cannot make ever more', async () => {
  const rig = await RelayRig.start({ limits: { maxChannels: 2 } });
  const get = (port: number): Promise<unknown> =>
    rig.relay.channels.get({ host: '127.0.0.1', port, peerId: port });
  const [first, second, third] = [get(1), get(2), get(3)];
  assert.match(await outcome(third), /^ERR_KIST_CONNECT .*127\.0\.0\.1:3: too many channels/);
  assert.equal(rig.fake.count('connect'), 2);
  void Promise.allSettled([first, second]);
  await rig.close();
});

test('a channel that may be idle for ever outlives its handshake', async () => {
  const rig = await RelayRig.start({ limits: { channelIdleMs: 0 } });
  rig.accept(100);
  rig.clock.advance(60_000);
  assert.equal(rig.fake.count('closeChannel'), 0);
  await rig.close();
});

test('stop() is idempotent and bounded, closes channels, and rejects who waits for one', async () => {
  const rig = await RelayRig.start();
  rig.accept(100);
  const waiting = rig.relay.channels.get(TARGET);
  const [first, second] = [rig.relay.stop(), rig.relay.stop()];
  assert.equal(await outcome(waiting), 'ERR_KIST_CLOSED the relay is closed');
  assert.deepEqual(rig.fake.args('closeListener'), [[1]]);
  assert.deepEqual(rig.fake.args('closeChannel'), [[100]]);
  assert.equal(await outcome(first), 'pending', 'the channel may write what it holds');
  rig.clock.advance(1000);
  await Promise.all([first, second]);
  assert.equal(rig.clock.pendingTimers, 1, 'only the channel that never closed');
  await assert.rejects(rig.relay.start(), { code: 'ERR_KIST_CLOSED' });
  rig.fake.plane.close();
  assert.equal(rig.clock.pendingTimers, 0);
});
