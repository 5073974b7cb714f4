import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import type { RelayRecord } from '../../src/discovery/index.js';
import { RelayNetwork } from '../support/relay-network.js';

const LIMIT = { timeout: 60_000 };

function noise(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** All bytes up to the far side's END. */
async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => chunks.push(bytes));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

for (const threads of [1, 2]) {
  test(`a stream over three relays, ${threads} reactor(s): bytes, ends and counters`, LIMIT, async () => {
    const network = await RelayNetwork.start(3, { threads });
    try {
      const sent = noise(3_000_000);
      const port = await network.server((socket) => socket.pipe(socket));
      const origin = network.origin();
      const circuit = await origin.buildCircuit(network.records);
      const stream = await circuit.openStream('127.0.0.1', port);
      const received = readAll(stream);
      stream.end(sent);
      assert.equal(sha(await received), sha(sent));
      const forwarded = network.relays.map((relay) => relay.stats().cells?.dataForward ?? 0);
      assert.ok(
        (forwarded[0] ?? 0) > 6000 && (forwarded[1] ?? 0) > 6000,
        `DATA forwarded: ${forwarded.join(' ')}`,
      );
      assert.equal(network.relays[2]?.stats().control.streamsConnected, 1);
      circuit.close();
    } finally {
      await network.close();
    }
  });
}

test('one router three times is a circuit too', LIMIT, async () => {
  const network = await RelayNetwork.start(1);
  try {
    const port = await network.server((socket) => socket.end('hello'));
    const origin = network.origin();
    const [self] = network.records as [RelayRecord];
    const circuit = await origin.buildCircuit([self, self, self]);
    const stream = await circuit.openStream('127.0.0.1', port);
    assert.equal((await readAll(stream)).toString(), 'hello');
    stream.end();
  } finally {
    await network.close();
  }
});

test('a hundred streams at once on one circuit, each its own bytes', LIMIT, async () => {
  const network = await RelayNetwork.start(4);
  try {
    const port = await network.server((socket) => socket.pipe(socket));
    const origin = network.origin();
    origin.start();
    const results = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const stream = await origin.connect({ host: '127.0.0.1', port });
        const sent = noise(20_000 + i).subarray(i);
        const received = readAll(stream);
        stream.end(sent);
        return sha(await received) === sha(sent);
      }),
    );
    assert.ok(results.every(Boolean));
  } finally {
    await network.close();
  }
});

test('a closed port is refused, also over IPv6, and the circuit serves on', LIMIT, async () => {
  const network = await RelayNetwork.start(3);
  try {
    const port = await network.server((socket) => socket.end('ok'));
    const circuit = await network.origin().buildCircuit(network.records);
    await assert.rejects(circuit.openStream('127.0.0.1', 1), { code: 'ERR_KIST_STREAM_REFUSED' });
    await assert.rejects(circuit.openStream('::1', 1), { code: 'ERR_KIST_STREAM_REFUSED' });
    const stream = await circuit.openStream('localhost', port);
    assert.equal((await readAll(stream)).toString(), 'ok');
  } finally {
    await network.close();
  }
});

test('an exit refuses loopback unless told otherwise', LIMIT, async () => {
  const network = await RelayNetwork.start(1, {}, { exit: {} });
  try {
    const circuit = await network.origin().buildCircuit(network.records);
    await assert.rejects(circuit.openStream('127.0.0.1', 80), { code: 'ERR_KIST_STREAM_REFUSED' });
    assert.equal(network.relays[0]?.stats().control.streamsRefused.policy, 1);
  } finally {
    await network.close();
  }
});

test(
  'a reader that stops holds the sender up without memory growing, and gets every byte in the end',
  LIMIT,
  async () => {
    const network = await RelayNetwork.start(3);
    try {
      const sent = noise(64_000_000);
      let written = 0;
      const port = await network.server((socket) => {
        socket.end(sent, () => (written = sent.length));
      });
      const circuit = await network.origin().buildCircuit(network.records);
      const stream = await circuit.openStream('127.0.0.1', port);
      stream.pause();
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal(written, 0, 'the server could not get rid of its bytes');
      assert.ok(network.plane.stats().memoryBytes < 8_000_000, 'what waits is bounded');
      const received = readAll(stream);
      stream.resume();
      assert.equal(sha(await received), sha(sent));
    } finally {
      await network.close();
    }
  },
);

test(
  'a relay that dies: the stream gets a clean error, the circuit is rebuilt without it',
  LIMIT,
  async () => {
    const network = await RelayNetwork.start(4);
    try {
      const port = await network.server((socket) => socket.write('x'));
      const origin = network.origin({ retryMs: 50 });
      origin.start();
      const circuit = await origin.ready();
      const stream = await origin.connect({ host: '127.0.0.1', port });
      const failed = once(stream, 'error');
      const own = network.relays[0]?.agentId;
      const dead = circuit.path.find((hop) => hop.agentId !== own) as RelayRecord;
      const rebuilt = once(origin, 'circuit');
      await network.relays.find((relay) => relay.agentId === dead.agentId)?.stop();
      const [error] = (await failed) as [Error & { code: string }];
      assert.equal(error.code, 'ERR_KIST_CIRCUIT_CLOSED');
      const [path] = (await rebuilt) as [RelayRecord[]];
      assert.ok(path.every((hop) => hop.agentId !== dead.agentId));
    } finally {
      await network.close();
    }
  },
);

test('after everything is closed the data plane has no channel, circuit or stream left', LIMIT, async () => {
  const network = await RelayNetwork.start(3);
  try {
    const port = await network.server((socket) => socket.pipe(socket));
    for (let i = 0; i < 20; i++) {
      const circuit = await network.origin().buildCircuit(network.records);
      const stream = await circuit.openStream('127.0.0.1', port);
      stream.write(noise(50_000));
      if (i % 2 === 0) stream.destroy();
      circuit.close();
    }
    for (const relay of network.relays) await relay.stop();
    const left = (): number =>
      network.plane.stats().reactors.reduce((sum, r) => sum + r.channels + r.circuits + r.streams, 0);
    for (let i = 0; i < 100 && left() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(left(), 0);
  } finally {
    await network.close();
  }
});
