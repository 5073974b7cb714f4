import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { NtorClient } from '../../../src/dialect/tor/ntor-client.js';
import { TorLinkDialect } from '../../../src/dialect/tor/tor-link-dialect.js';
import {
  fixedCell,
  NETINFO,
  RawTorClient,
  variableCell,
  versionsCell,
} from '../../support/raw-tor-client.js';
import type { RawTorCircuit } from '../../support/raw-tor-client.js';
import { TestIdentity } from '../../support/tor-link-identity.js';
import { LoneRelay } from './hostile-rig.js';

const LABEL = 'EXPORTER FOR TOR TLS CLIENT BINDING AUTH0003';
const BOUND = { timeout: 20_000 };
const [CREATE2, RELAY, DESTROY, CERTS, AUTHENTICATE, VPADDING] = [10, 3, 4, 129, 131, 128];
const [DATA, SENDME, TRUNCATE, EXTEND2] = [2, 5, 8, 14];
const [PROTOCOL, RESOURCE_LIMIT] = [1, 5];
const NO_SUCH_NODE = { rsaDigest: Buffer.alloc(20, 1), ntorKey: Buffer.alloc(32, 9) };
const OPEN_TIMEOUT_MS = 1500;

let lone: LoneRelay;
const clients: RawTorClient[] = [];

function kept(client: RawTorClient): RawTorClient {
  clients.push(client);
  return client;
}
const dial = async (): Promise<RawTorClient> => kept(await RawTorClient.dial(lone.port));
const open = async (): Promise<RawTorClient> => kept(await RawTorClient.open(lone.port));

async function openCircuit(): Promise<{ client: RawTorClient; circuit: RawTorCircuit }> {
  const client = await open();
  return { client, circuit: await client.circuit(lone.target) };
}

before(async () => {
  lone = await LoneRelay.start({ limits: { openTimeoutMs: OPEN_TIMEOUT_MS } });
});

/** Whatever a peer did: once it is gone, nothing of it is left. */
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  assert.match(
    await lone.settled(),
    /^[0 /]+$/,
    'channels circuits streams, reactor: channels/circuits/streams/cells',
  );
});

after(async () => await lone.stop());

/** A relay's half of the handshake: returns its CERTS, AUTHENTICATE and NETINFO cells, unsent. */
async function introduce(client: RawTorClient, identity: TestIdentity, claims = identity): Promise<Buffer[]> {
  const who = { linkCertificates: () => [], initiatorCertificates: () => claims.initiatorCertificates() };
  const { rsaIdentityKeyDer, rsaFingerprint, ed25519Identity } = claims;
  const mixed = { ...who, rsaIdentityKeyDer, rsaFingerprint, ed25519Identity };
  const signAuthenticate = (bytes: Uint8Array): Buffer => identity.signAuthenticate(bytes);
  const dialect = new TorLinkDialect({ identity: { ...mixed, signAuthenticate } });
  const handshake = dialect.openerHandshake('', { host: '127.0.0.1', port: 1, peerId: '' }, '127.0.0.1:1');
  const versions = Buffer.from(handshake.start().send ?? []);
  client.send(versions);
  const sent: Buffer[] = [];
  for (const command of [7, CERTS, 130]) {
    const cell = await client.cell((it) => it.command === command);
    let step = handshake.receive(cell.command, cell.circId, cell.bytes);
    if (step.exportContext !== undefined) {
      const exported = client.socket.exportKeyingMaterial(32, LABEL, Buffer.from(step.exportContext));
      const peerCertificate = client.socket.getPeerCertificate().raw;
      step = handshake.exported?.({ exported, ownCertificate: Buffer.alloc(0), peerCertificate }) ?? {};
    }
    assert.equal(step.error, undefined);
    if (step.send !== undefined) sent.push(Buffer.from(step.send));
  }
  const all = Buffer.concat(sent);
  const certs = 7 + all.readUInt16BE(5);
  const authenticate = certs + 7 + all.readUInt16BE(certs + 5);
  return [all.subarray(0, certs), all.subarray(certs, authenticate), all.subarray(authenticate)];
}

const newIdentity = (): TestIdentity => new TestIdentity(Math.floor(Date.now() / 1000));

describe('a link handshake', () => {
  test('is given up when the peer falls silent, at whatever step', BOUND, async () => {
    const failed = lone.relay.stats().control.handshakesFailed;
    const plain = connect(lone.port, '127.0.0.1');
    plain.on('error', () => undefined).resume();
    const closed = once(plain, 'close');
    const [tls, versions, certs] = [await dial(), await dial(), await dial()];
    versions.send(versionsCell(4));
    certs.send(versionsCell(5), ...(await introduce(await dial(), newIdentity())).slice(0, 1));
    await Promise.all([closed, tls.ended(), versions.ended(), certs.ended()]);
    assert.ok(lone.relay.stats().control.handshakesFailed >= failed + 4);
  });

  const steps: readonly (readonly [string, readonly Buffer[]])[] = [
    ['noise', [Buffer.alloc(4000, 0xa5)]],
    ['a fixed cell before VERSIONS', [NETINFO]],
    ['no common version', [versionsCell(1, 2, 3, 99)]],
    ['VERSIONS of 65,534 bytes', [versionsCell(...Array.from({ length: 32_767 }, () => 3))]],
    ['VERSIONS of an odd length', [Buffer.from([0, 0, 7, 0, 3, 0, 4, 0])]],
    ['RELAY before the channel is open', [versionsCell(4), fixedCell(1, RELAY)]],
    ['CREATE2 before the channel is open', [versionsCell(4), fixedCell(0x80000001, CREATE2)]],
    ['DESTROY before the channel is open', [versionsCell(4), fixedCell(0x80000001, DESTROY)]],
    ['CERTS of 65,535 bytes of noise', [versionsCell(4), variableCell(CERTS, Buffer.alloc(65_535, 0xff))]],
    ['CERTS without a certificate', [versionsCell(4), variableCell(CERTS, Buffer.from([0]))]],
    ['AUTHENTICATE before CERTS', [versionsCell(4), variableCell(AUTHENTICATE, Buffer.alloc(400))]],
    ['an empty AUTHENTICATE', [versionsCell(4), variableCell(AUTHENTICATE, Buffer.alloc(0))]],
    ['NETINFO with an address beyond its end', [versionsCell(4), fixedCell(0, 8, Buffer.alloc(509, 255))]],
    ['CERTS when it is open', [versionsCell(4), NETINFO, variableCell(CERTS, Buffer.from([0]))]],
    ['AUTHENTICATE when it is open', [versionsCell(4), NETINFO, variableCell(AUTHENTICATE, Buffer.alloc(9))]],
  ];
  for (const [what, cells] of steps) {
    test(`closes on ${what}`, BOUND, async () => {
      const client = await dial();
      const began = Date.now();
      client.send(...cells);
      await client.ended();
      assert.ok(Date.now() - began < OPEN_TIMEOUT_MS, 'at once, not by its deadline');
    });
  }

  test('lets padding and a second VERSIONS and NETINFO pass', BOUND, async () => {
    const client = await dial();
    await client.greet();
    const padding = variableCell(VPADDING, Buffer.alloc(65_535));
    client.send(
      ...Array.from({ length: 50 }, () => padding),
      fixedCell(0, 0),
      variableCell(200, Buffer.alloc(9)),
    );
    client.send(
      NETINFO,
      NETINFO,
      variableCell(7, Buffer.from([0, 4])),
      fixedCell(0, 12, Buffer.alloc(509, 7)),
    );
    await (await client.circuit(lone.target)).check();
  });

  test('proves a relay by AUTHENTICATE on its own link only, and once', BOUND, async () => {
    const [identity, first] = [newIdentity(), await dial()];
    const cells = await introduce(first, identity);
    first.send(...cells);
    await (await first.circuit(lone.target)).check();
    const replayed = await dial();
    await replayed.greet();
    replayed.send(...cells);
    await replayed.ended();
    const twice = await dial();
    const [certs, authenticate, netinfo] = await introduce(twice, newIdentity());
    twice.send(certs ?? NETINFO, authenticate ?? NETINFO, authenticate ?? NETINFO, netinfo ?? NETINFO);
    await twice.ended();
    const stolen = await dial();
    stolen.send(...(await introduce(stolen, newIdentity(), identity)));
    await stolen.ended();
  });
});

test('two channels of one relay have circuit IDs of their own', BOUND, async () => {
  const identity = newIdentity();
  const [first, second] = [await dial(), await dial()];
  for (const client of [first, second]) client.send(...(await introduce(client, identity)));
  const circuit = await first.circuit(lone.target);
  second.send(fixedCell(circuit.circId, RELAY, Buffer.alloc(509, 1)), fixedCell(circuit.circId, DESTROY));
  await (await second.circuit(lone.target, circuit.circId + 1)).check();
  await circuit.check();
});

describe('circuits', () => {
  test(
    '20,000 CREATE2 are answered or refused, in bounded memory, and disturb no other circuit',
    { timeout: 40_000 },
    async () => {
      const { circuit } = await openCircuit();
      const flooder = await open();
      const payload = new NtorClient(lone.target).payload;
      const before = process.memoryUsage.rss();
      const count = 20_000;
      for (let i = 0; i < count; i += 500)
        flooder.send(...Array.from({ length: 500 }, () => fixedCell(flooder.nextCircId(), CREATE2, payload)));
      let [answered, slowest] = [0, 0];
      for (const deadline = Date.now() + 30_000; answered < count && Date.now() < deadline;) {
        const began = Date.now();
        await circuit.check();
        slowest = Math.max(slowest, Date.now() - began);
        for (const { command, bytes } of flooder.takeAll()) {
          answered++;
          assert.ok(
            command === 11 || (command === DESTROY && bytes[5] === RESOURCE_LIMIT),
            `command ${command}`,
          );
        }
      }
      assert.equal(answered, count);
      assert.ok(slowest < 5000, `another circuit waited ${slowest} ms`);
      const grown = (process.memoryUsage.rss() - before) / 2 ** 20;
      assert.ok(grown < 400, `${grown} MB`);
    },
  );

  test('a client that takes no DESTROY is held or closed', BOUND, async () => {
    const flooder = await open();
    flooder.socket.pause();
    const payload = new NtorClient(NO_SUCH_NODE).payload;
    for (let i = 0; i < 20_000; i += 500)
      flooder.send(...Array.from({ length: 500 }, () => fixedCell(flooder.nextCircId(), CREATE2, payload)));
    const { circuit } = await openCircuit();
    for (let i = 0; i < 50; i++) await circuit.check();
    assert.ok(lone.relay.stats().dataPlane.memoryBytes < 32 << 20);
  });

  test('IDs: of the wrong half, 0, in use, and used again', BOUND, async () => {
    const client = await open();
    const { payload } = new NtorClient(lone.target);
    client.send(fixedCell(7, CREATE2, payload), fixedCell(0, CREATE2, payload));
    const { circId, bytes } = await client.cell((cell) => cell.command === DESTROY);
    assert.deepEqual([circId, bytes[5]], [7, PROTOCOL]);
    const circuit = await client.circuit(lone.target);
    client.send(fixedCell(circuit.circId, CREATE2, payload));
    await circuit.check();
    circuit.destroy();
    await (await client.circuit(lone.target, circuit.circId)).check();
    assert.deepEqual(client.takeAll(), [], 'nothing is said of ID 0');
  });

  test('RELAY before CREATED is for the circuit that comes, and not without end', BOUND, async () => {
    const client = await open();
    const circId = client.nextCircId();
    const relays = Array.from({ length: 200 }, () => fixedCell(circId, RELAY, Buffer.alloc(509, 3)));
    client.send(fixedCell(circId, CREATE2, new NtorClient(lone.target).payload), ...relays);
    const { bytes } = await client.cell((cell) => cell.command === DESTROY);
    assert.ok(bytes[5] === PROTOCOL || bytes[5] === RESOURCE_LIMIT);
  });

  test('handshakes that are no handshakes', BOUND, async () => {
    const client = await open();
    const bad = [
      [0, 2, 0, 0],
      [0, 2, 0, 83],
      [0, 2, 2, 0],
      [0, 1, 0, 20],
      [0, 0, 0, 186],
      [9, 9, 0, 4],
      [0, 3, 0, 5],
    ];
    for (const payload of [...bad.map((bytes) => Buffer.from(bytes)), new NtorClient(NO_SUCH_NODE).payload]) {
      client.send(fixedCell(client.nextCircId(), CREATE2, payload));
      const { bytes } = await client.cell((cell) => cell.command === DESTROY);
      assert.equal(bytes[5], PROTOCOL, Buffer.from(payload).subarray(0, 4).toString('hex'));
    }
    await (await client.circuit(lone.target)).check();
  });

  const fatal: readonly (readonly [string, (circuit: RawTorCircuit) => void])[] = [
    [
      'a SENDME that acknowledges nothing',
      (it) => it.say(SENDME, 0, Buffer.from([1, 0, 20, ...Buffer.alloc(20)])),
    ],
    ['a SENDME of version 0', (it) => it.say(SENDME, 0)],
    ['DATA of stream 0', (it) => it.say(DATA, 0, Buffer.from('x'))],
    ['a length beyond the cell', (it) => it.say(DATA, 1, Buffer.alloc(0), { says: 499 })],
    ['EXTEND2 in RELAY', (it) => it.say(EXTEND2, 0)],
    [
      'a ninth RELAY_EARLY',
      (it) => Array.from({ length: 9 }, () => it.say(10, 0, undefined, { isEarly: true })),
    ],
    ['a cell that is not recognised', (it) => it.seal(DATA, 1) && it.say(DATA, 1)],
  ];
  for (const [what, act] of fatal) {
    test(`${what} ends the circuit alone`, BOUND, async () => {
      const { client, circuit } = await openCircuit();
      act(circuit);
      assert.equal(await circuit.destroyed(), PROTOCOL);
      await (await client.circuit(lone.target)).check();
    });
  }

  test('what means nothing, or is empty, passes', BOUND, async () => {
    const { circuit } = await openCircuit();
    for (let command = 0; command < 60; command++) {
      if (![SENDME, EXTEND2, 6, TRUNCATE, DATA].includes(command)) circuit.say(command, 9);
    }
    for (let i = 0; i < 600; i++) circuit.say(DATA, 8, Buffer.alloc(i % 2));
    circuit.say(SENDME, 7);
    await circuit.check();
  });

  test('an empty EXTEND2 ends the circuit', BOUND, async () => {
    const { circuit } = await openCircuit();
    circuit.say(EXTEND2, 0, undefined, { isEarly: true });
    await circuit.destroyed();
  });
});
