import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadBinding } from '../../src/native/binding.js';
import type { Channel } from '../../src/native/channel.js';
import type { Circuit } from '../../src/native/circuit.js';
import { resolveDataPlaneOptions } from '../../src/native/data-plane-options.js';
import { FakeNative, reasonNumber, settled } from '../support/fake-native.js';

const ENDPOINT = { dialect: 'tor61', transport: 'tcp', host: '127.0.0.1', port: 0, owner: 1 };
const INFO = {
  dialects: [],
  transports: [],
  schedulers: ['kist'],
  muxes: ['ewma'],
  tcpInfoSources: ['kernel'],
};

test('off Linux, and without an addon, the error says what is wrong and what to do', () => {
  assert.throws(() => loadBinding({}, 'darwin'), {
    code: 'ERR_KIST_PLATFORM',
    message: /Linux only.*darwin/,
  });
  const wrong = { KIST_RELAY_ADDON: '/nowhere/kist.node' };
  assert.throws(() => loadBinding(wrong, 'linux'), {
    code: 'ERR_KIST_ADDON',
    message: /\/nowhere\/kist\.node.*npm run build/,
  });
});

test('defaults are those of the design, and a wrong option is named', () => {
  const options = resolveDataPlaneOptions({}, INFO);
  assert.equal(options.threads, 1);
  assert.deepEqual(options.scheduler, { policy: 'kist' });
  assert.deepEqual([options.cellqHigh, options.cellqLow, options.cellqMax], [256, 10, 2500]);
  assert.equal(options.circuitStallMs, 30_000);
  assert.deepEqual([options.onionThreads, options.maxOnionQueueDelayMs], [1, 1750]);
  const wrong: [object, RegExp][] = [
    [{ threads: 0 }, /^threads must be/],
    [{ mux: 'lottery' }, /^mux must be one of ewma/],
    [{ scheduler: { policy: 'kits' } }, /^scheduler.policy must be one of kist, got "kits"/],
    [{ scheduler: { runIntervalMs: -1 } }, /^scheduler.runIntervalMs/],
    [{ scheduler: { circuitPriorityHalflifeMs: 99 } }, /^scheduler.circuitPriorityHalflifeMs/],
    [{ scheduler: { drainWake: 1 } }, /^scheduler.drainWake/],
    [{ cellqLow: 300 }, /^cellqLow must be below/],
    [{ onionThreads: 65 }, /^onionThreads must be/],
    [{ maxOnionQueueDelayMs: 5001 }, /^maxOnionQueueDelayMs must be/],
    [{ cellqHigh: 3000 }, /^cellqHigh must be at most/],
  ];
  for (const [given, message] of wrong) {
    assert.throws(
      () => resolveDataPlaneOptions(given, INFO),
      (error: Error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('a flood of events takes 256 a turn, so that other work gets its turns in between', async () => {
  const fake = new FakeNative();
  let heard = 0;
  const listener = { onAccepted: () => undefined, onListenerFailed: () => heard++ };
  fake.plane.listen(ENDPOINT, listener);
  for (let i = 0; i < 600; i++) fake.queue('listenerFailed', 0, 1, 24);
  fake.wake();
  fake.wake();
  assert.equal(heard, 256);
  await settled();
  assert.equal(heard, 512);
  await settled();
  assert.equal(heard, 600);
  fake.emit('listenerFailed', 0, 1, 24);
  assert.equal(heard, 601, 'the next wake-up is heard at once again');
  fake.plane.close();
});

test('a handler that throws does not keep other events from their handlers', () => {
  const fake = new FakeNative();
  let heard = 0;
  fake.plane.listen(ENDPOINT, {
    onAccepted: () => {
      throw new Error('boom');
    },
    onListenerFailed: () => heard++,
  });
  fake.queue('channelAccepted', 64, 1, 0, '127.0.0.1:9');
  fake.queue('listenerFailed', 0, 1, 24);
  fake.wake();
  assert.equal(heard, 1);
  fake.plane.close();
});

test('events for unknown handles are ignored, and a channel nobody waits for is closed', () => {
  const fake = new FakeNative();
  fake.emit('circuitClosed', 99, 1);
  fake.emit('streamData', 99, 1, 0, Buffer.from('x'));
  fake.emit('channelClosed', 99, 1);
  fake.emit('linkCell', 99, 5, 0, Buffer.alloc(512));
  fake.emit('channelAccepted', 65, 12, 0, 'x');
  assert.deepEqual(fake.last('closeChannel'), [65]);
  fake.plane.close();
});

test('a connect that was given up closes the channel that comes all the same', () => {
  const fake = new FakeNative();
  const never = (): never => assert.fail('nobody listens any more');
  const cancel = fake.plane.connect(ENDPOINT, 1000, { onConnected: never, onConnectFailed: never });
  const token = fake.last('connect')[0] as number;
  cancel();
  fake.emit('channelConnected', 70, token);
  assert.deepEqual(fake.last('closeChannel'), [70]);
  fake.plane.close();
});

function connected(fake: FakeNative): Channel {
  let channel: Channel | undefined;
  fake.plane.connect(ENDPOINT, 1000, {
    onConnected: (made) => {
      channel = made;
    },
    onConnectFailed: () => assert.fail(),
  });
  fake.emit('channelConnected', 71, fake.last('connect')[0] as number);
  assert.ok(channel !== undefined);
  return channel;
}

test('a circuit closed before its CREATE left is destroyed as soon as it has a handle', () => {
  const fake = new FakeNative();
  const listener = {
    onAttached: () => assert.fail(),
    onCreated: () => assert.fail(),
    onCreateFailed: () => assert.fail(),
    onRelayMessage: () => assert.fail(),
    onCircuitClosed: () => assert.fail(),
  };
  const circuit = fake.plane.createCircuit(connected(fake), new Uint8Array(0), listener);
  circuit.close();
  circuit.close();
  assert.equal(fake.count('closeCircuit'), 0);
  fake.queue('circuitAttached', 640, fake.last('createCircuit')[0] as number, 3);
  fake.queue('circuitCreated', 640);
  fake.wake();
  assert.deepEqual(fake.args('closeCircuit'), [[640, 0]]);
  fake.plane.close();
});

test('streams hear of the end of their circuit before the circuit does, and commands afterwards do nothing', () => {
  const fake = new FakeNative();
  const heard: string[] = [];
  const circuit = fake.plane.createCircuit(connected(fake), new Uint8Array(0), {
    onAttached: (circId) => heard.push(`attached ${circId}`),
    onCreated: () => undefined,
    onCreateFailed: () => undefined,
    onRelayMessage: () => undefined,
    onCircuitClosed: (reason, side) => heard.push(`circuit ${reason} ${side}`),
  });
  fake.emit('circuitAttached', 641, fake.last('createCircuit')[0] as number, 3);
  circuit.openStream(5, { onStreamClosed: (reason) => heard.push(`stream ${reason}`) });
  fake.emit('circuitClosed', 641, reasonNumber('peer'), 2);
  assert.deepEqual(heard, ['attached 3', 'stream peer', 'circuit peer next-hop']);
  const before = fake.calls.length;
  circuit.writeStream(5, Buffer.from('late'));
  circuit.sendRelay({ streamId: 0, command: 6, body: new Uint8Array(0) });
  circuit.close();
  assert.equal(fake.calls.length, before);
  fake.plane.close();
});

test('close() is idempotent, ends everything with shutdown and takes its exit hook back', () => {
  const before = process.listenerCount('exit');
  const fake = new FakeNative();
  assert.equal(process.listenerCount('exit'), before + 1);
  const heard: string[] = [];
  connected(fake).listener = {
    onLinkCell: () => undefined,
    onCircuitCreate: () => undefined,
    onUnknownCell: () => undefined,
    onChannelClosed: (reason) => heard.push(reason),
  };
  fake.plane.connect(ENDPOINT, 1, {
    onConnected: () => assert.fail(),
    onConnectFailed: (errno) => heard.push(`connect ${errno}`),
  });
  fake.plane.close();
  fake.plane.close();
  assert.deepEqual(heard, ['shutdown', 'connect 0']);
  assert.equal(fake.count('close'), 1);
  assert.equal(process.listenerCount('exit'), before);
});

test('link secrets come apart into what was exported and the two certificates, or are none', () => {
  const fake = new FakeNative();
  const channel = connected(fake);
  const heard: unknown[] = [];
  const nobody = (): never => assert.fail();
  channel.listener = {
    onLinkCell: nobody,
    onCircuitCreate: nobody,
    onUnknownCell: nobody,
    onLinkExported: (secrets) => heard.push(secrets),
    onChannelClosed: () => undefined,
  };
  channel.exportLink(Buffer.from('context'));
  assert.deepEqual(fake.last('exportLink'), [71, Buffer.from('context')]);
  fake.emit('linkExported', 71, 1, 0, Buffer.from('\0\x04\x01\x02\x03\x04\0\0\0\x02ab', 'latin1'));
  fake.emit('linkExported', 71, 0);
  fake.emit('linkExported', 72, 0);
  const exported = Buffer.from([1, 2, 3, 4]);
  const secrets = { exported, ownCertificate: Buffer.alloc(0), peerCertificate: Buffer.from('ab') };
  assert.deepEqual(heard, [secrets, undefined]);
  fake.plane.close();
  channel.exportLink(Buffer.from('late'));
  assert.equal(fake.count('exportLink'), 1);
});

test('a circuit hears how its handshake went; a failed one is gone', () => {
  const fake = new FakeNative();
  const circuits: Circuit[] = [];
  const heard: unknown[] = [];
  const nobody = (): never => assert.fail();
  connected(fake).listener = {
    onLinkCell: nobody,
    onCircuitCreate: (circuit) => {
      circuit.listener = {
        onAttached: nobody,
        onCreated: nobody,
        onCreateFailed: nobody,
        onAnswered: (...answer) => heard.push(answer),
        onRelayMessage: () => heard.push('message'),
        onCircuitClosed: (reason) => heard.push(reason),
      };
      circuits.push(circuit);
      circuit.acceptOnion(2, Buffer.from('skin'));
    },
    onUnknownCell: nobody,
    onChannelClosed: () => undefined,
  };
  for (const handle of [640, 641]) fake.queue('circuitCreate', handle, 71, 5, Buffer.alloc(514));
  fake.wake();
  assert.deepEqual(fake.last('acceptOnion'), [641, 2, Buffer.from('skin')]);
  fake.queue('circuitAnswered', 640, 0, 1200);
  fake.queue('relayMessage', 640, 0, 14, Buffer.alloc(1));
  fake.queue('circuitAnswered', 641, reasonNumber('exhausted'), 0);
  fake.queue('circuitAnswered', 641, 0, 0);
  fake.queue('circuitClosed', 641, reasonNumber('peer'));
  fake.wake();
  assert.deepEqual(heard, [[true, 'none', 1200], 'message', [false, 'exhausted', 0]]);
  assert.equal(circuits[1]?.isClosed, true);
  circuits[1]?.close();
  circuits[1]?.addHop(new Uint8Array(72));
  assert.equal(fake.count('closeCircuit') + fake.count('addHop'), 0);
  assert.equal(circuits[0]?.isClosed, false);
  fake.plane.close();
});

test('identities and onion keys go down as they are, and a queue delay is checked', () => {
  const fake = new FakeNative();
  const [certificate, key] = [Buffer.from('certificate'), Buffer.from('key')];
  assert.equal(fake.plane.addTlsIdentity(certificate, key), 1);
  assert.equal(fake.plane.addTlsIdentity(certificate, key), 2);
  fake.plane.replaceTlsIdentity(1, key, certificate);
  assert.deepEqual(fake.last('replaceTlsIdentity'), [1, key, certificate]);
  const keys = { rsaDigest: Buffer.alloc(20), ed25519: Buffer.alloc(32), keys: [] };
  fake.plane.setOnionKeys(1, keys);
  assert.deepEqual(fake.last('setOnionKeys'), [1, keys]);
  fake.plane.setMaxOnionQueueDelay(900);
  assert.deepEqual(fake.last('setMaxOnionQueueDelay'), [900]);
  assert.throws(() => fake.plane.setMaxOnionQueueDelay(0), /^TypeError.*: delayMs must be/);
  fake.plane.close();
  assert.throws(() => fake.plane.setOnionKeys(1, keys), { code: 'ERR_KIST_CLOSED' });
});
