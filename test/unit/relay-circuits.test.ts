import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeExtend } from '../../src/dialect/tor61/relay-messages.js';
import { reasonNumber, settled } from '../support/fake-native.js';
import { BEGIN, EXTEND, EXTENDED, EXTEND_FAILED, OTHER, RelayRig, SELF, text } from '../support/relay-rig.js';

const EXTEND_BODY = encodeExtend({ host: '127.0.0.1', port: 5001, agentId: OTHER });
const EMPTY = new Uint8Array(0);
const [CIRCUIT, CHANNEL, NEXT] = [640, 100, 200];

async function circuitRig(options = {}): Promise<RelayRig> {
  const rig = await RelayRig.start(options);
  rig.accept(CHANNEL);
  rig.create(CIRCUIT, CHANNEL);
  return rig;
}

/** EXTEND has come and CREATE has gone out to the next hop. */
async function extending(rig: RelayRig): Promise<void> {
  rig.fake.emit('relayMessage', CIRCUIT, 0, EXTEND, EXTEND_BODY);
  if (rig.fake.count('connect') > 0) rig.connected(NEXT);
  await settled();
}

const extendFailed = { streamId: 0, command: EXTEND_FAILED, body: EMPTY };

test('CREATE is answered CREATED, over the limit CREATE_FAILED', async () => {
  const rig = await circuitRig({ limits: { maxCircuits: 1 } });
  assert.deepEqual(rig.fake.args('acceptCircuit'), [[CIRCUIT, EMPTY]]);
  rig.create(641, CHANNEL, 9);
  assert.deepEqual(rig.fake.args('refuseCircuit'), [[641, 0]]);
  rig.fake.emit('circuitClosed', CIRCUIT, reasonNumber('peer'), 1);
  rig.create(642, CHANNEL, 11);
  assert.deepEqual(rig.fake.last('acceptCircuit'), [642, EMPTY]);
  assert.equal(rig.relay.stats().circuits, 1);
  await rig.close();
});

test('EXTEND holds the circuit, opens a channel, sends CREATE; CREATED splices with EXTENDED', async () => {
  const rig = await circuitRig();
  await extending(rig);
  assert.deepEqual(rig.fake.args('holdCircuit'), [[CIRCUIT]]);
  assert.deepEqual(rig.fake.args('extendCircuit'), [[CIRCUIT, NEXT, EMPTY]]);
  assert.equal(rig.fake.count('spliceCircuit'), 0);
  rig.fake.emit('circuitAttached', CIRCUIT, 0, 1);
  rig.fake.emit('circuitCreated', CIRCUIT, 0, 0, Buffer.alloc(512));
  await settled();
  assert.deepEqual(rig.fake.args('spliceCircuit'), [
    [CIRCUIT, { streamId: 0, command: EXTENDED, body: EMPTY }],
  ]);
  rig.clock.advance(20_000);
  assert.equal(rig.fake.count('unextendCircuit'), 0);
  await rig.close();
});

test('EXTEND to the own router is a real connection to itself', async () => {
  const rig = await circuitRig();
  const body = encodeExtend({ host: '127.0.0.1', port: 4000, agentId: SELF });
  rig.fake.emit('relayMessage', CIRCUIT, 0, EXTEND, body);
  rig.connected(NEXT);
  await settled();
  assert.deepEqual(rig.fake.args('extendCircuit'), [[CIRCUIT, NEXT, EMPTY]]);
  await rig.close();
});

test('an EXTEND that cannot be read or connected is answered EXTEND_FAILED, and another may follow', async () => {
  const rig = await circuitRig();
  rig.fake.emit('relayMessage', CIRCUIT, 0, EXTEND, text('nonsense'));
  await settled();
  assert.deepEqual(rig.fake.last('unextendCircuit'), [CIRCUIT, extendFailed]);
  rig.fake.emit('relayMessage', CIRCUIT, 0, EXTEND, EXTEND_BODY);
  rig.fake.emit('channelConnectFailed', 0, rig.fake.last('connect')[0] as number, 111);
  await settled();
  assert.equal(rig.fake.count('unextendCircuit'), 2);
  await extending(rig);
  rig.fake.emit('circuitCreated', CIRCUIT, 0, 0, Buffer.alloc(512));
  await settled();
  assert.equal(rig.fake.count('spliceCircuit'), 1);
  await rig.close();
});

test('CREATE_FAILED from the next hop, or no answer in 10 s, is answered EXTEND_FAILED', async () => {
  const rig = await circuitRig();
  await extending(rig);
  rig.fake.emit('circuitAttached', CIRCUIT, 0, 1);
  rig.fake.emit('circuitCreateFailed', CIRCUIT, 0);
  await settled();
  assert.equal(rig.fake.count('unextendCircuit'), 1);
  await extending(rig);
  rig.clock.advance(9_999);
  await settled();
  assert.equal(rig.fake.count('unextendCircuit'), 1);
  rig.clock.advance(1);
  await settled();
  assert.deepEqual(rig.fake.last('unextendCircuit'), [CIRCUIT, extendFailed]);
  rig.fake.emit('circuitCreated', CIRCUIT, 0, 0, Buffer.alloc(512));
  await settled();
  assert.equal(rig.fake.count('spliceCircuit'), 0, 'a late CREATED changes nothing');
  await rig.close();
});

test('a circuit that closes while it is being extended leaves nothing to happen later', async () => {
  const rig = await circuitRig();
  rig.fake.emit('relayMessage', CIRCUIT, 0, EXTEND, EXTEND_BODY);
  rig.fake.emit('circuitClosed', CIRCUIT, reasonNumber('peer'), 1);
  rig.connected(NEXT);
  await settled();
  rig.clock.advance(20_000);
  await settled();
  for (const method of ['extendCircuit', 'spliceCircuit', 'unextendCircuit', 'closeCircuit']) {
    assert.equal(rig.fake.count(method), 0, method);
  }
  assert.equal(rig.relay.stats().circuits, 0);
  await rig.close();
});

test('messages that slip in while a circuit is being extended, and unknown ones, are dropped and counted', async () => {
  const rig = await circuitRig();
  rig.fake.emit('relayMessage', CIRCUIT, 3, 99, text('?'));
  await extending(rig);
  rig.fake.emit('relayMessage', CIRCUIT, 0, EXTEND, EXTEND_BODY);
  rig.fake.emit('relayMessage', CIRCUIT, 1, BEGIN, text('192.0.2.1:80\0'));
  await settled();
  assert.equal(rig.relay.stats().control.messagesDropped, 3);
  assert.equal(rig.fake.count('extendCircuit'), 1);
  assert.equal(rig.fake.count('sendRelay'), 0);
  await rig.close();
});

test('a half that ended is no longer found by its number, also when the number was taken again', async () => {
  const rig = await circuitRig();
  rig.accept(101);
  rig.create(641, CHANNEL, 7);
  rig.fake.emit('circuitClosed', CIRCUIT, reasonNumber('peer'), 1);
  rig.fake.emit('unknownCell', 101, 7, 0, Buffer.alloc(512));
  assert.equal(rig.fake.last('injectCell')[0], 641, 'the circuit that has the number now');
  rig.fake.emit('circuitClosed', 641, reasonNumber('peer'), 1);
  rig.fake.emit('unknownCell', 101, 7, 0, Buffer.alloc(512));
  assert.equal(rig.fake.count('injectCell'), 1);
  await rig.close();
});
