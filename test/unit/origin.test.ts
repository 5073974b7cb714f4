import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RelayRecord } from '../../src/discovery/index.js';
import { Origin } from '../../src/origin/index.js';
import type { OriginOptions } from '../../src/origin/index.js';
import { reasonNumber, settled } from '../support/fake-native.js';
import { OriginRig, record } from '../support/origin-rig.js';
import { BEGIN, BEGIN_FAILED, CONNECTED } from '../support/relay-rig.js';

interface Rig {
  readonly net: OriginRig;
  readonly origin: Origin;
  readonly relays: RelayRecord[];
  readonly events: string[];
  readonly close: () => Promise<void>;
}

async function originRig(options: Partial<OriginOptions> = {}): Promise<Rig> {
  const net = await OriginRig.start();
  const relays = [record(1), record(2), record(3), record(4)];
  const { relay, clock } = net.rig;
  const discovery = { relays: () => Promise.resolve(relays) };
  const origin = new Origin({ channels: relay.channels, discovery, clock, random: () => 0, ...options });
  const events: string[] = [];
  origin.on('circuit', (path) => events.push(`circuit ${path.map((hop) => hop.name).join(' ')}`));
  origin.on('lost', (error) => events.push(`lost ${error.code}`));
  origin.on('failed', (error) => events.push(`failed ${error.message}`));
  const close = async (): Promise<void> => {
    await origin.close();
    await net.close();
  };
  return { net, origin, relays, events, close };
}

const TARGET = { host: 'example.com', port: 80 };

test('wrong origin arguments are TypeErrors that name them', async () => {
  const { net, close } = await originRig();
  const { channels } = net.rig.relay;
  const discovery = { relays: () => Promise.resolve([]) };
  const wrong: [object, RegExp][] = [
    [{ discovery }, /^channels must be/],
    [{ channels, discovery: {} }, /^discovery must be/],
    [{ channels, discovery, length: 0 }, /^length must be/],
    [{ channels, discovery, streamTimeoutMs: '9' }, /^streamTimeoutMs must be/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => new Origin(options as never), { name: 'TypeError', message });
  }
  await close();
});

test('it builds three connections at start and tells the path in order', async () => {
  const { net, origin, events, close } = await originRig();
  origin.start();
  origin.start();
  await net.play();
  assert.deepEqual(events, ['circuit r1 r2 r3']);
  assert.deepEqual(origin.stats().path, ['r1', 'r2', 'r3']);
  assert.deepEqual(net.asked, ['connect 1', 'create', 'extend 2', 'extend 3']);
  await close();
});

test('relays that fail are struck off and others tried, on the same circuit where the last hop said so', async () => {
  const { net, origin, events, close } = await originRig();
  net.behaviour = { unreachable: new Set([record(1).agentId]), failing: new Set([record(3).agentId]) };
  origin.start();
  await net.play();
  assert.deepEqual(net.asked, ['connect 1', 'connect 2', 'create', 'extend 3', 'extend 4', 'extend 2']);
  assert.deepEqual(events, ['circuit r2 r4 r2']);
  await close();
});

test('an EXTEND without answer costs its deadline, then a new circuit without that relay', async () => {
  const { net, origin, events, close } = await originRig({ extendTimeoutMs: 1000 });
  net.behaviour = { silent: new Set([record(2).agentId]) };
  origin.start();
  await net.play();
  net.rig.clock.advance(1000);
  await net.play();
  assert.deepEqual(events, ['circuit r1 r3 r4']);
  assert.equal(net.rig.fake.count('closeCircuit'), 1);
  await close();
});

test('without relays it says so, tries again with back-off and builds as soon as there are some', async () => {
  const { net, origin, relays, events, close } = await originRig({ retryMs: 100, maxRetryMs: 400 });
  const found = relays.splice(0);
  origin.start();
  await net.play();
  assert.match(events[0] ?? '', /^failed .*no relay is registered/);
  const waiting = assert.rejects(origin.connect(TARGET), {
    code: 'ERR_KIST_NO_CIRCUIT',
    message: /within 20000 ms.*no relay is registered/,
  });
  net.rig.clock.advance(20_000);
  await waiting;
  assert.ok(events.length < 10);
  relays.push(...found);
  await net.play();
  net.rig.clock.advance(400);
  await net.play();
  assert.match(events.at(-1) ?? '', /^circuit/);
  await close();
});

test('a request waits for the circuit, then gets its stream', async () => {
  const { net, origin, close } = await originRig();
  const connecting = origin.connect(TARGET);
  origin.start();
  await net.play();
  net.rig.fake.emit('relayMessage', net.lastCircuit, 1, CONNECTED, Buffer.alloc(0));
  const stream = await connecting;
  assert.equal(stream.streamId, 1);
  assert.equal(origin.stats().openStreams, 1);
  stream.destroy();
  await close();
});

test('a lost circuit is rebuilt by itself; a request without answer yet is tried once on the new one', async () => {
  const { net, origin, relays, events, close } = await originRig();
  origin.start();
  await net.play();
  const connecting = origin.connect(TARGET);
  await settled();
  relays.shift();
  net.rig.fake.emit('circuitClosed', net.lastCircuit, reasonNumber('peer'), 2);
  await net.play();
  net.rig.clock.advance(1000);
  await net.play();
  assert.deepEqual(events, ['circuit r1 r2 r3', 'lost ERR_KIST_CIRCUIT_CLOSED', 'circuit r2 r3 r4']);
  net.rig.fake.emit('relayMessage', net.lastCircuit, 1, CONNECTED, Buffer.alloc(0));
  (await connecting).destroy();
  assert.equal(origin.stats().circuitsLost, 1);
  await close();
});

test('a circuit that dies at once is not rebuilt in a tight loop', async () => {
  const { net, origin, close } = await originRig({ retryMs: 1000, maxRetryMs: 8000 });
  origin.start();
  for (let i = 0; i < 20; i++) {
    await net.play();
    if (origin.circuit !== undefined) {
      net.rig.fake.emit('circuitClosed', net.lastCircuit, reasonNumber('peer'), 2);
    }
    net.rig.clock.advance(500);
  }
  assert.ok(origin.stats().circuitsBuilt <= 6, `${origin.stats().circuitsBuilt} circuits in 10 s`);
  await close();
});

test('three BEGINs in a row without an answer condemn the circuit; any answer in between does not', async () => {
  const { net, origin, close } = await originRig({ streamTimeoutMs: 1000 });
  origin.start();
  await net.play();
  const begin = async (answer?: number): Promise<void> => {
    const failed = assert.rejects(origin.connect(TARGET));
    await settled();
    const streamId = (net.rig.fake.last('sendRelay')[1] as { streamId: number; command: number }).streamId;
    if (answer === undefined) net.rig.clock.advance(1000);
    else net.rig.fake.emit('relayMessage', net.lastCircuit, streamId, answer, Buffer.alloc(0));
    await failed;
    await settled();
  };
  await begin();
  await begin();
  await begin(BEGIN_FAILED);
  await begin();
  await begin();
  assert.equal(origin.stats().circuitsLost, 0);
  await begin();
  assert.equal(origin.stats().circuitsLost, 1);
  assert.equal(
    net.rig.fake.args('sendRelay').filter(([, m]) => (m as { command: number }).command === BEGIN).length,
    6,
  );
  await close();
});

test('close() is idempotent, ends circuit, waiting requests and building, and leaves no timer', async () => {
  const { net, origin, relays, close } = await originRig();
  relays.length = 0;
  origin.start();
  const waiting = assert.rejects(origin.connect(TARGET), { code: 'ERR_KIST_CLOSED' });
  await net.play();
  await Promise.all([origin.close(), origin.close()]);
  await waiting;
  await assert.rejects(origin.connect(TARGET), { code: 'ERR_KIST_CLOSED' });
  assert.equal(net.rig.clock.pendingTimers, 0);
  await close();
});

test('a circuit over given relays can be built beside the kept one', async () => {
  const { net, origin, close } = await originRig();
  const building = origin.buildCircuit([record(4), record(4)]);
  await net.play();
  const circuit = await building;
  assert.deepEqual(net.asked, ['connect 4', 'create', 'extend 4']);
  circuit.close();
  await assert.rejects(origin.buildCircuit([]), { name: 'TypeError', message: /^path must be/ });
  await close();
});
