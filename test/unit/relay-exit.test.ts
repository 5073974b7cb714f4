import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitPolicy } from '../../src/relay/index.js';
import { Resolver } from '../../src/relay/resolver.js';
import { ManualClock } from '../../src/util/clock.js';
import { reasonNumber, settled } from '../support/fake-native.js';
import { BEGIN, BEGIN_FAILED, CONNECTED, END, RelayRig, text } from '../support/relay-rig.js';

const [CIRCUIT, CHANNEL] = [640, 100];
const EMPTY = new Uint8Array(0);
const connectedMessage = (streamId: number): object => ({ streamId, command: CONNECTED, body: EMPTY });

async function exitRig(options = {}): Promise<RelayRig> {
  const rig = await RelayRig.start(options);
  rig.accept(CHANNEL);
  rig.create(CIRCUIT, CHANNEL);
  return rig;
}

async function begin(rig: RelayRig, streamId: number, target: string): Promise<void> {
  rig.fake.emit('relayMessage', CIRCUIT, streamId, BEGIN, text(target));
  await settled();
}

function refusals(rig: RelayRig): unknown[] {
  return rig.fake.args('sendRelay').map(([, message]) => message);
}

const failed = (streamId: number): object => ({ streamId, command: BEGIN_FAILED, body: EMPTY });

test('the exit policy refuses what is not public, in every spelling', () => {
  const policy = new ExitPolicy();
  const refused =
    '0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.9.9.9 169.254.1.1 172.16.0.1 172.31.255.255'
      .concat(' 192.168.1.1 192.0.0.8 198.18.0.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255')
      .concat(
        ' :: ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 0:0:0:0:0:ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 fc00::1',
      )
      .concat(' fd12:3456::1 fe80::1 fec0::1 ff02::1 2001:db8::1 2002:7f00:1:: 2001:0:1::1')
      .split(' ');
  for (const address of refused) assert.equal(policy.allows(address, 80), false, address);
  const allowed = ['1.1.1.1', '172.15.0.1', '172.32.0.1', '192.0.1.1', '223.255.255.255', '2606:4700::1111'];
  for (const address of [...allowed, '::ffff:1.1.1.1'])
    assert.equal(policy.allows(address, 80), true, address);
  assert.equal(policy.allows('example.com', 80), false, 'names are never judged');
  assert.equal(policy.allows('1.1.1.1', 0), false);
});

test('private targets can be allowed, as a whole or one by one, and exits switched off', () => {
  assert.equal(new ExitPolicy({ allowPrivateTargets: true }).allows('127.0.0.1', 80), true);
  const some = new ExitPolicy({ allow: ['127.0.0.1:8080', '[::1]:443', '10.0.0.7'] });
  assert.equal(some.allows('127.0.0.1', 8080), true);
  assert.equal(some.allows('::ffff:127.0.0.1', 8080), true, 'the same address');
  assert.equal(some.allows('127.0.0.1', 8081), false);
  assert.equal(some.allows('0:0::1', 443), true);
  assert.equal(some.allows('10.0.0.7', 1), true);
  assert.equal(some.allows('10.0.0.8', 1), false);
  assert.equal(new ExitPolicy({ enabled: false }).allows('1.1.1.1', 80), false);
});

test('BEGIN connects to the resolved address; the data plane sends CONNECTED; stream 0 is a stream', async () => {
  const rig = await exitRig({ lookup: () => Promise.resolve(['1.2.3.4']) });
  await begin(rig, 0, 'Example.com:80\0');
  const args = rig.fake.last('connectStream');
  assert.deepEqual([...args.slice(0, 4), args[5]], [CIRCUIT, 0, '1.2.3.4', 80, connectedMessage(0)]);
  rig.fake.emit('streamConnected', CIRCUIT, 0);
  await settled();
  assert.equal(rig.relay.stats().control.streamsConnected, 1);
  assert.equal(rig.relay.stats().exitStreams, 1);
  assert.equal(rig.fake.count('sendRelay'), 0);
  rig.fake.emit('streamClosed', CIRCUIT, 0, reasonNumber('peer'));
  assert.equal(rig.relay.stats().exitStreams, 0);
  await rig.close();
});

test('every address of a name is judged by itself, and those allowed are tried in turn', async () => {
  const rig = await exitRig({
    lookup: () => Promise.resolve(['127.0.0.1', '1.1.1.1', '::1', '2606:4700::1']),
  });
  await begin(rig, 5, 'mixed.example:443');
  assert.equal(rig.fake.last('connectStream')[2], '1.1.1.1');
  rig.fake.emit('streamConnectFailed', CIRCUIT, 5, 111);
  await settled();
  assert.equal(rig.fake.last('connectStream')[2], '2606:4700::1');
  rig.fake.emit('streamConnectFailed', CIRCUIT, 5, 0);
  await settled();
  assert.equal(rig.fake.count('connectStream'), 2);
  assert.deepEqual(refusals(rig), [failed(5)]);
  await begin(rig, 5, '1.1.1.1:443');
  assert.equal(rig.fake.count('connectStream'), 3, 'the number is free again');
  await rig.close();
});

test('each refusal of BEGIN is one BEGIN_FAILED and counted by its cause', async () => {
  const lookup = (name: string): Promise<string[]> =>
    name === 'local.example' ? Promise.resolve(['10.0.0.1']) : Promise.reject(new Error('ENOTFOUND'));
  const rig = await exitRig({ lookup, limits: { maxStreamsPerCircuit: 1 } });
  await begin(rig, 1, 'no port');
  await begin(rig, 2, '127.0.0.1:80\0');
  await begin(rig, 3, 'local.example:80\0');
  await begin(rig, 4, 'unknown.example:80\0');
  await begin(rig, 5, '1.1.1.1:80\0');
  await begin(rig, 5, '1.1.1.1:80\0');
  await begin(rig, 6, '1.1.1.1:80\0');
  assert.deepEqual(refusals(rig), [1, 2, 3, 4, 5, 6].map(failed));
  assert.equal(rig.fake.count('connectStream'), 1);
  const counted = rig.relay.stats().control.streamsRefused;
  assert.deepEqual(counted, { malformed: 1, inUse: 1, limit: 1, policy: 2, resolve: 1, connect: 0 });
  await rig.close();
});

test('a name that never resolves is BEGIN_FAILED after the deadline', async () => {
  const rig = await exitRig({ lookup: () => new Promise(() => undefined) });
  await begin(rig, 1, 'slow.example:80');
  rig.clock.advance(4_999);
  await settled();
  assert.deepEqual(refusals(rig), []);
  rig.clock.advance(1);
  await settled();
  assert.deepEqual(refusals(rig), [failed(1)]);
  await rig.close();
});

test('END or the end of the circuit while the name is looked up: nothing is connected any more', async () => {
  let answer: (addresses: string[]) => void = () => undefined;
  const lookup = (): Promise<string[]> => new Promise((resolve) => (answer = resolve));
  const rig = await exitRig({ lookup });
  await begin(rig, 1, 'slow.example:80');
  rig.fake.emit('relayMessage', CIRCUIT, 1, END, EMPTY as Buffer);
  await begin(rig, 2, 'slow.example:80');
  rig.fake.emit('circuitClosed', CIRCUIT, reasonNumber('peer'), 1);
  answer(['1.2.3.4']);
  await settled();
  assert.equal(rig.fake.count('connectStream'), 0);
  assert.equal(rig.fake.count('sendRelay'), 0);
  assert.equal(rig.relay.stats().exitStreams, 0);
  await rig.close();
});

test('the resolver keeps answers and failures for a while, shares look-ups, and forgets the oldest', async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const lookup = (name: string): Promise<string[]> => {
    asked.push(name);
    return name === 'bad' ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(['1.1.1.1']);
  };
  const resolver = new Resolver({ clock, lookup, maxEntries: 2 });
  await Promise.all([resolver.resolve('A'), resolver.resolve('a')]);
  await resolver.resolve('a');
  assert.deepEqual(asked, ['a']);
  await assert.rejects(resolver.resolve('bad'), { code: 'ERR_KIST_RESOLVE', message: /bad.*ENOTFOUND/ });
  await assert.rejects(resolver.resolve('bad'), { code: 'ERR_KIST_RESOLVE' });
  assert.deepEqual(asked, ['a', 'bad']);
  clock.advance(5_000);
  await assert.rejects(resolver.resolve('bad'));
  assert.deepEqual(asked, ['a', 'bad', 'bad']);
  clock.advance(55_000);
  await resolver.resolve('a');
  assert.equal(asked.length, 4, 'asked again after a minute');
  await resolver.resolve('b');
  await resolver.resolve('c');
  assert.equal(resolver.cacheSize, 2);
  assert.deepEqual(await resolver.resolve('::1'), ['::1']);
});

test('look-ups under way are bounded, and so are those that wait', async () => {
  const clock = new ManualClock();
  const answers: (() => void)[] = [];
  const lookup = (): Promise<string[]> => new Promise((resolve) => answers.push(() => resolve(['1.1.1.1'])));
  const resolver = new Resolver({ clock, lookup, maxConcurrent: 2, maxWaiting: 1 });
  const results = ['a', 'b', 'c'].map((name) => resolver.resolve(name));
  await settled();
  assert.equal(answers.length, 2);
  await assert.rejects(resolver.resolve('d'), { code: 'ERR_KIST_RESOLVE', message: /too many/ });
  answers[0]?.();
  await settled();
  assert.equal(answers.length, 3);
  for (const answer of answers) answer();
  assert.deepEqual(await Promise.all(results), [['1.1.1.1'], ['1.1.1.1'], ['1.1.1.1']]);
});
