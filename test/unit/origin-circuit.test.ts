import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeRelayMessage } from '../../src/native/binding-types.js';
import type { OriginCircuit, OriginStream } from '../../src/origin/index.js';
import { reasonNumber, settled } from '../support/fake-native.js';
import { OriginRig, record } from '../support/origin-rig.js';
import { BEGIN, BEGIN_FAILED, CONNECTED, END } from '../support/relay-rig.js';

function lastMessage(rig: OriginRig): NativeRelayMessage {
  return rig.rig.fake.last('sendRelay')[1] as NativeRelayMessage;
}

/** A stream whose CONNECTED has come. */
async function connectedStream(rig: OriginRig, circuit: OriginCircuit): Promise<OriginStream> {
  const opening = circuit.openStream('example.com', 80);
  const { streamId } = lastMessage(rig);
  rig.rig.fake.emit('relayMessage', rig.lastCircuit, streamId, CONNECTED, Buffer.alloc(0));
  return await opening;
}

test('a path is CREATE at the first hop, then EXTEND hop by hop', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  assert.deepEqual(rig.asked, ['connect 1', 'create', 'extend 2', 'extend 3']);
  assert.deepEqual(
    circuit.path.map((hop) => hop.name),
    ['r1', 'r2', 'r3'],
  );
  await rig.close();
});

test('an EXTEND that is refused leaves the circuit usable; one without answer closes it', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  rig.behaviour = { failing: new Set([record(4).agentId]), silent: new Set([record(5).agentId]) };
  const refused = circuit.extend(record(4));
  const refusal = assert.rejects(refused, { code: 'ERR_KIST_EXTEND_REFUSED' });
  await rig.play();
  await refusal;
  assert.equal(circuit.isClosed, false);
  assert.equal(circuit.path.length, 3);
  const silent = assert.rejects(circuit.extend(record(5)), {
    code: 'ERR_KIST_TIMEOUT',
    message: /EXTEND to r5/,
  });
  await rig.play();
  rig.rig.clock.advance(1000);
  await silent;
  assert.equal(circuit.isClosed, true);
  assert.equal(rig.rig.fake.count('closeCircuit'), 1);
  await rig.close();
});

test('a first hop that refuses CREATE, and one that never answers it', async () => {
  const rig = await OriginRig.start();
  rig.behaviour = { refusing: new Set([record(1).agentId]) };
  const circuit = rig.circuit();
  const refused = assert.rejects(circuit.create(record(1)), { code: 'ERR_KIST_CREATE_REFUSED' });
  await rig.play();
  await refused;
  assert.equal(circuit.isClosed, true);
  const silent = rig.circuit();
  const timeout = assert.rejects(silent.create(record(1)), {
    code: 'ERR_KIST_TIMEOUT',
    message: /CREATE at r1/,
  });
  await settled();
  rig.rig.clock.advance(1000);
  await timeout;
  await rig.close();
});

test('BEGIN, CONNECTED: the stream is up; BEGIN_FAILED names exit and target', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  const opening = circuit.openStream('example.com', 80);
  const message = lastMessage(rig);
  assert.deepEqual([message.command, message.streamId], [BEGIN, 1]);
  assert.equal(Buffer.from(message.body).toString('latin1'), 'example.com:80\0');
  rig.rig.fake.emit('relayMessage', rig.lastCircuit, 1, CONNECTED, Buffer.from('ignored'));
  assert.equal((await opening).streamId, 1);
  const refused = circuit.openStream('example.com', 81);
  rig.rig.fake.emit('relayMessage', rig.lastCircuit, 2, BEGIN_FAILED, Buffer.alloc(0));
  await assert.rejects(refused, {
    code: 'ERR_KIST_STREAM_REFUSED',
    message: 'r3 could not connect to example.com:81',
  });
  await rig.close();
});

test('END instead of CONNECTED is a refusal, silence a timeout, an abort an end; the stream IDs come back', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  const ended = assert.rejects(circuit.openStream('a', 1), { code: 'ERR_KIST_STREAM_REFUSED' });
  rig.rig.fake.emit('streamEnd', rig.lastCircuit, 1);
  await ended;
  const silent = assert.rejects(circuit.openStream('a', 1), {
    code: 'ERR_KIST_TIMEOUT',
    message: /BEGIN a:1/,
  });
  rig.rig.clock.advance(1000);
  await silent;
  const abort = new AbortController();
  const aborted = assert.rejects(circuit.openStream('a', 1, abort.signal), { code: 'ERR_KIST_CLOSED' });
  abort.abort();
  await aborted;
  assert.equal(circuit.streamCount, 0);
  assert.deepEqual(
    rig.rig.fake.args('resetStream').map(([, id]) => id),
    [1, 2, 3],
  );
  rig.rig.fake.emit('relayMessage', rig.lastCircuit, 2, CONNECTED, Buffer.alloc(0));
  assert.equal(rig.rig.clock.pendingTimers, 0);
  await rig.close();
});

test('stream IDs grow to 65535, start over at 1 and skip those in use', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  await connectedStream(rig, circuit);
  for (let id = 2; id <= 65535; id++) {
    const opening = circuit.openStream('a', 1);
    rig.rig.fake.emit('relayMessage', rig.lastCircuit, id, BEGIN_FAILED, Buffer.alloc(0));
    await opening.catch(() => undefined);
    rig.rig.fake.calls.length = 0;
  }
  const stream = await connectedStream(rig, circuit);
  assert.equal(stream.streamId, 2);
  await rig.close();
});

test('a wrong host or port is a TypeError, a host that cannot be written an error; nothing is sent', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  const before = rig.rig.fake.calls.length;
  await assert.rejects(circuit.openStream('', 80), { name: 'TypeError', message: /^host must be/ });
  await assert.rejects(circuit.openStream('a', 0), { name: 'TypeError', message: /^port must be/ });
  await assert.rejects(circuit.openStream('a\0b', 80), { code: 'ERR_KIST_MALFORMED' });
  assert.equal(rig.rig.fake.calls.length, before);
  await assert.rejects(rig.circuit().openStream('a', 80), { code: 'ERR_KIST_STATE' });
  await rig.close();
});

test('when the circuit closes, streams and requests under way get a clean error', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  const stream = await connectedStream(rig, circuit);
  const failed = new Promise<Error>((resolve) => stream.on('error', resolve));
  const opening = assert.rejects(circuit.openStream('a', 1), { code: 'ERR_KIST_CIRCUIT_CLOSED' });
  const heard: string[] = [];
  circuit.onClosed((error) => heard.push(error.message));
  rig.rig.fake.emit('circuitClosed', rig.lastCircuit, reasonNumber('peer'), 2);
  await opening;
  assert.match((await failed).message, /the circuit closed/);
  assert.deepEqual(heard, ['the circuit closed at the next-hop (peer)']);
  await assert.rejects(circuit.openStream('a', 1), { code: 'ERR_KIST_CIRCUIT_CLOSED' });
  await assert.rejects(circuit.extend(record(4)), { code: 'ERR_KIST_CIRCUIT_CLOSED' });
  await rig.close();
});

test('answers that nobody asked for change nothing', async () => {
  const rig = await OriginRig.start();
  const circuit = await rig.built();
  for (const command of [CONNECTED, BEGIN_FAILED, END, 7, 12, 99, BEGIN]) {
    rig.rig.fake.emit('relayMessage', rig.lastCircuit, 9, command, Buffer.alloc(3));
  }
  assert.equal(circuit.isClosed, false);
  assert.equal(circuit.path.length, 3);
  await rig.close();
});
