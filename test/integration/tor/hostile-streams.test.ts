import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { encodeExtend2 } from '../../../src/dialect/tor/create-cells.js';
import { NtorClient } from '../../../src/dialect/tor/ntor-client.js';
import { RawTorClient } from '../../support/raw-tor-client.js';
import type { RawTorCircuit, RelayWords } from '../../support/raw-tor-client.js';
import { LoneRelay, LoopbackServer } from './hostile-rig.js';

const BOUND = { timeout: 20_000 };
const [BEGIN, DATA, END, CONNECTED, SENDME, TRUNCATE, TRUNCATED, RESOLVE] = [1, 2, 3, 4, 5, 8, 9, 11];
const [RESOLVED, BEGIN_DIR, EXTEND2, EXTENDED2] = [12, 13, 14, 15];
const [PROTOCOL, CONNECT_FAILED] = [1, 6];
const [END_RESOURCE_LIMIT, END_PROTOCOL] = [11, 13];
const MAX_STREAMS = 100;
const DOWNLOAD_BYTES = 20 << 20;

let lone: LoneRelay;
let second: LoneRelay;
const clients: RawTorClient[] = [];
/** What servers do: send back, never read, send a lot. */
const echo = new LoopbackServer((socket: Socket) => void socket.on('data', (bytes) => socket.write(bytes)));
const deaf = new LoopbackServer((socket: Socket) => void socket.pause());
const source = new LoopbackServer(
  (socket: Socket) => void socket.resume().write(Buffer.alloc(DOWNLOAD_BYTES)),
);
let atEcho: Buffer;
let atDeaf: Buffer;
let atSource: Buffer;

before(async () => {
  const lookup = (name: string): Promise<string[]> =>
    name.startsWith('hang') ? new Promise(() => undefined) : Promise.resolve(['127.0.0.1']);
  const limits = { maxStreamsPerCircuit: MAX_STREAMS, resolveTimeoutMs: 3000, extendTimeoutMs: 3000 };
  lone = await LoneRelay.start({ lookup, limits });
  second = await LoneRelay.start();
  atEcho = await echo.listen();
  atDeaf = await deaf.listen();
  atSource = await source.listen();
});

/** Whatever a peer did: once it is gone, nothing of it is left but the channel between the two relays. */
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const deadline = Date.now() + 10_000; Date.now() < deadline && !isClean();)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(isClean(), `${lone.left()}, ${second.left()}`);
});

function isClean(): boolean {
  return [lone, second].every(({ relay }) => {
    const { circuits, exitStreams, dataPlane } = relay.stats();
    const native = dataPlane.reactors.map((it) => it.circuits + it.streams + it.cellsInUse);
    return circuits === 0 && exitStreams === 0 && native.every((count) => count === 0);
  });
}

after(async () => {
  await Promise.all([echo.close(), deaf.close(), source.close(), lone.stop(), second.stop()]);
});

async function openCircuit(): Promise<{ client: RawTorClient; circuit: RawTorCircuit }> {
  const client = await RawTorClient.open(lone.port);
  clients.push(client);
  return { client, circuit: await client.circuit(lone.target) };
}

async function hear(circuit: RawTorCircuit, command: number): Promise<RelayWords> {
  for (;;) {
    const words = await circuit.hear();
    if (words.command === command) return words;
    assert.ok(words.command === SENDME || words.command === DATA, `relay command ${words.command}`);
  }
}

interface Faults {
  readonly rsaFingerprint?: string;
  readonly ed25519Identity?: Uint8Array;
  readonly port?: number;
}

function extension(to: LoneRelay, faults: Faults = {}): Buffer {
  const specifiers = {
    ipv4: { host: '127.0.0.1', port: faults.port ?? to.port },
    rsaFingerprint: faults.rsaFingerprint ?? to.identity.rsaFingerprint,
    ed25519Identity: faults.ed25519Identity ?? to.identity.ed25519Identity,
  };
  return encodeExtend2({ specifiers, handshake: new NtorClient(to.target).payload });
}

describe('streams', () => {
  test('DATA right behind BEGIN reaches the server, by address and by name', BOUND, async () => {
    const { circuit, client } = await openCircuit();
    const port = atEcho.toString().split(':')[1] ?? '';
    for (const [id, target] of [
      [1, atEcho],
      [2, Buffer.from(`name.example:${port}`)],
    ] as const) {
      client.send(circuit.seal(BEGIN, id, target), circuit.seal(DATA, id, Buffer.from('early')));
      assert.equal((await hear(circuit, CONNECTED)).streamId, id);
      assert.equal((await hear(circuit, DATA)).body.toString(), 'early');
    }
  });

  test('END and DATA right behind BEGIN leave nothing', BOUND, async () => {
    const { circuit, client } = await openCircuit();
    for (let id = 1; id <= 300; id++) {
      const cells = [
        circuit.seal(BEGIN, id, atEcho),
        circuit.seal(DATA, id, Buffer.alloc(498)),
        circuit.seal(END, id),
      ];
      client.send(...cells);
    }
    await circuit.check();
    for (const deadline = Date.now() + 5000; lone.relay.stats().exitStreams > 0 && Date.now() < deadline;)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(lone.relay.stats().exitStreams, 0);
  });

  test('are limited, and those under way end with the circuit', BOUND, async () => {
    const { circuit, client } = await openCircuit();
    for (let id = 1; id <= 2000; id++)
      client.send(circuit.seal(BEGIN, id, Buffer.from(`hang${id}.example:80\0`)));
    for (let i = 0; i < 2000 - MAX_STREAMS; i++) {
      const { body } = await hear(circuit, END);
      assert.equal(body[0], END_RESOURCE_LIMIT);
    }
    assert.equal(lone.relay.stats().exitStreams, MAX_STREAMS);
    circuit.destroy();
    await (await openCircuit()).circuit.check();
    assert.equal(lone.relay.stats().exitStreams, 0);
  });

  test('look-ups are limited like streams', BOUND, async () => {
    const { circuit, client } = await openCircuit();
    for (let id = 1; id <= 2000; id++) client.send(circuit.seal(RESOLVE, id, Buffer.from('hang.example\0')));
    const began = Date.now();
    for (let i = 0; i < 2000 - MAX_STREAMS; i++) await hear(circuit, RESOLVED);
    assert.ok(Date.now() - began < 2500, 'those above the limit are answered at once');
  });

  test('bodies that are empty or no BEGIN', BOUND, async () => {
    const { circuit } = await openCircuit();
    for (const body of ['', '\0', ':80\0', 'host:0\0', 'host:65536\0', 'host:80', 'a b:80\0', '[::1:80\0']) {
      circuit.say(BEGIN, 5, Buffer.from(body));
      assert.equal((await hear(circuit, END)).body[0], END_PROTOCOL, JSON.stringify(body));
    }
    circuit.say(RESOLVE, 6);
    assert.equal((await hear(circuit, RESOLVED)).body[0], 0xf1);
    circuit.say(BEGIN_DIR, 7);
    assert.equal((await hear(circuit, END)).streamId, 7);
    await circuit.check();
  });

  test('DATA of no bytes is counted and carries on', BOUND, async () => {
    const { circuit, client } = await openCircuit();
    circuit.say(BEGIN, 1, atEcho);
    await hear(circuit, CONNECTED);
    for (let i = 0; i < 600; i++) client.send(circuit.seal(DATA, 1));
    circuit.say(DATA, 1, Buffer.from('x'));
    for (let [ofStream, data] = [0, '']; data !== 'x';) {
      const { command, streamId, body } = await circuit.hear();
      if (command === SENDME && streamId === 1) ofStream++;
      if (command === DATA) data += body.toString();
      assert.ok(data === '' || ofStream >= 11, `${ofStream} SENDMEs`);
    }
  });

  test('DATA beyond the window of a stream ends the circuit', BOUND, async () => {
    const { circuit, client } = await openCircuit();
    circuit.say(BEGIN, 1, atDeaf);
    await hear(circuit, CONNECTED);
    const full = Buffer.alloc(498);
    // As much as kernels buffer, and the window behind it.
    for (let i = 0; i < 40_000 && !client.takeAll().some((cell) => cell.command === 4); i += 500) {
      client.send(...Array.from({ length: 500 }, () => circuit.seal(DATA, 1, full)));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await (await openCircuit()).circuit.check();
    const { circuitsClosed } = lone.relay.stats().dataPlane;
    assert.ok((circuitsClosed['malformed'] ?? 0) > 0, JSON.stringify(circuitsClosed));
  });

  test('a client that never reads gets a window of cells and holds nobody up', BOUND, async () => {
    const { circuit, client } = await openCircuit();
    circuit.say(BEGIN, 1, atSource);
    await hear(circuit, CONNECTED);
    client.socket.pause();
    const other = await openCircuit();
    for (let i = 0; i < 20; i++) await other.circuit.check();
    const { dataPlane } = lone.relay.stats();
    assert.ok(dataPlane.memoryBytes < 4 << 20, `${dataPlane.memoryBytes} bytes`);
    assert.ok((dataPlane.owners[0]?.dataPacked ?? 0) < 10_000);
  });
});

describe('a circuit that goes on', () => {
  const extended = async (): Promise<{ client: RawTorClient; circuit: RawTorCircuit }> => {
    const made = await openCircuit();
    made.circuit.say(EXTEND2, 0, extension(second), { isEarly: true });
    await hear(made.circuit, EXTENDED2);
    return made;
  };

  test('is cut off by TRUNCATE, and can be extended again', BOUND, async () => {
    const { circuit } = await extended();
    assert.equal(second.relay.stats().circuits, 1);
    for (let i = 0; i < 3; i++) {
      circuit.say(TRUNCATE, 0, Buffer.from([0]));
      await hear(circuit, TRUNCATED);
      await circuit.check();
      for (const deadline = Date.now() + 5000; second.relay.stats().circuits > 0 && Date.now() < deadline;)
        await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal(second.relay.stats().circuits, 0);
      circuit.say(EXTEND2, 0, extension(second), { isEarly: true });
      await hear(circuit, EXTENDED2);
    }
  });

  test('serves no streams at the hop in the middle, and keeps nothing of what follows', BOUND, async () => {
    const { client, circuit } = await extended();
    for (let id = 1; id <= 200; id++)
      client.send(
        circuit.seal(BEGIN, id, atEcho),
        ...[1, 2, 3].map(() => circuit.seal(DATA, id, Buffer.alloc(498))),
      );
    for (let id = 1; id <= 200; id++) assert.equal((await hear(circuit, END)).streamId, id);
    const left = lone.relay.stats().dataPlane.reactors.reduce((sum, { streams }) => sum + streams, 0);
    assert.equal(left, 0);
  });

  test('TRUNCATE where it ends already is answered', BOUND, async () => {
    const { circuit } = await openCircuit();
    circuit.say(TRUNCATE, 0);
    await hear(circuit, TRUNCATED);
    await circuit.check();
  });

  test('ends when it is told to extend once more from here, or to nobody', BOUND, async () => {
    const { circuit } = await extended();
    circuit.say(EXTEND2, 0, extension(second), { isEarly: true });
    assert.equal(await circuit.destroyed(), PROTOCOL);
    const self = await openCircuit();
    self.circuit.say(EXTEND2, 0, extension(lone), { isEarly: true });
    assert.equal(await self.circuit.destroyed(), CONNECT_FAILED);
  });

  test('does not go to a relay of another identity, known already or not', BOUND, async () => {
    await extended();
    const wrong = [
      { ed25519Identity: Buffer.alloc(32, 7) },
      { rsaFingerprint: 'A'.repeat(40) },
      { rsaFingerprint: '0'.repeat(40) },
    ];
    for (const faults of wrong) {
      const { circuit } = await openCircuit();
      circuit.say(EXTEND2, 0, extension(second, faults), { isEarly: true });
      assert.equal(await circuit.destroyed(), CONNECT_FAILED, JSON.stringify(faults));
    }
    assert.equal(second.relay.stats().circuits, 1);
  });

  test('DESTROY while it is being extended leaves nothing', BOUND, async () => {
    for (let i = 0; i < 20; i++) {
      const { client, circuit } = await openCircuit();
      client.send(circuit.seal(EXTEND2, 0, extension(second), { isEarly: true }));
      if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, i));
      circuit.destroy();
      if (i % 3 === 0) client.close();
    }
  });
});
