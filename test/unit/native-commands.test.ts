import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { loadBinding } from '../../src/native/binding.js';
import type { NativeDataPlane, NativeOnionKeys } from '../../src/native/binding-types.js';
import { resolveDataPlaneOptions } from '../../src/native/data-plane-options.js';
import type { DataPlaneOptions } from '../../src/native/data-plane-options.js';

// The addon itself: what it refuses, and how its threads end.

const CHANNEL = 2 ** 28;
const ENDPOINT = { dialect: 'tor', transport: 'tls', host: '127.0.0.1', port: 0, owner: 1 };

function makePlane(options: DataPlaneOptions = { loop: 'manual', tcpInfoSource: 'mock' }): NativeDataPlane {
  const binding = loadBinding();
  return new binding.DataPlane(resolveDataPlaneOptions(options, binding.info()), () => undefined);
}

function keys(changes: Partial<NativeOnionKeys> = {}): NativeOnionKeys {
  const key = { publicKey: new Uint8Array(32), secretKey: new Uint8Array(32) };
  return { rsaDigest: new Uint8Array(20), ed25519: new Uint8Array(32), keys: [key], ...changes };
}

/** How many threads for circuit handshakes this process has. */
function onionThreads(): number {
  const names = readdirSync('/proc/self/task').map((id) =>
    readFileSync(`/proc/self/task/${id}/comm`, 'utf8'),
  );
  return names.filter((name) => name.trim() === 'kist-onions').length;
}

test('a wrong argument of the commands for Tor is named in a TypeError', () => {
  const plane = makePlane();
  const key = { publicKey: new Uint8Array(32), secretKey: new Uint8Array(31) };
  const none = undefined as never;
  const wrong: [() => unknown, RegExp][] = [
    [() => plane.listen(ENDPOINT), /^tlsIdentity must be a number from addTlsIdentity\(\)/],
    [() => plane.listen({ ...ENDPOINT, tlsIdentity: 3 }), /^tlsIdentity must be a number from/],
    [() => plane.listen({ ...ENDPOINT, tlsIdentity: '1' as never }), /^tlsIdentity must be a number/],
    [() => plane.connect(1, ENDPOINT, 1000, -1), /^tlsIdentity must be/],
    [() => plane.addTlsIdentity(none, new Uint8Array(1)), /^certificateDer must be a Uint8Array/],
    [() => plane.addTlsIdentity(new Uint8Array(1), none), /^privateKeyDer must be a Uint8Array/],
    [() => plane.replaceTlsIdentity(1, new Uint8Array(1), new Uint8Array(1)), /^identity must be a number/],
    [() => plane.exportLink(CHANNEL, 'x' as never), /^context must be a Uint8Array/],
    [() => plane.openChannel(CHANNEL, none), /^isInitiator must be a boolean/],
    [() => plane.setOnionKeys(1, none), /^keys must be an object/],
    [() => plane.setOnionKeys(1, keys({ rsaDigest: new Uint8Array(19) })), /^rsaDigest must be of 20 bytes/],
    [() => plane.setOnionKeys(1, keys({ ed25519: none })), /^ed25519 must be a Uint8Array/],
    [() => plane.setOnionKeys(1, keys({ keys: none })), /^keys must be an array/],
    [() => plane.setOnionKeys(1, keys({ keys: [1 as never] })), /^keys must be an array of objects/],
    [() => plane.setOnionKeys(1, keys({ keys: [key] })), /^secretKey must be of 32 bytes/],
    [() => plane.setMaxOnionQueueDelay(0), /^delayMs must be in its range/],
    [() => plane.acceptOnion(CHANNEL, -1, new Uint8Array(1)), /^type must be in its range/],
    [() => plane.acceptOnion(CHANNEL, 2, new Uint8Array(515)), /^skin must be of at most one cell/],
    [() => plane.addHop(CHANNEL, new Uint8Array(71)), /^keys must be of 72 bytes/],
    [
      () => plane.sendRelay(CHANNEL, { streamId: 0, command: 1, body: new Uint8Array(0), early: 1 as never }),
      /^early must be a boolean/,
    ],
  ];
  for (const [call, message] of wrong) {
    assert.throws(call, (error: Error & { code?: string }) => {
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, message);
      assert.equal(error.code, 'ERR_KIST_ARGUMENT');
      return true;
    });
  }
  plane.close();
});

test('a certificate that cannot be used is refused with a code of its own', () => {
  const plane = makePlane();
  assert.throws(() => plane.addTlsIdentity(new Uint8Array(9), new Uint8Array(9)), {
    code: 'ERR_KIST_TLS_IDENTITY',
    message: /certificate/,
  });
  plane.close();
});

test('commands for what is gone, and on a closed data plane, do nothing', () => {
  const plane = makePlane();
  const commands = (): void => {
    plane.exportLink(CHANNEL, new Uint8Array(32));
    plane.acceptOnion(CHANNEL, 2, new Uint8Array(84));
    plane.addHop(CHANNEL, new Uint8Array(72));
    plane.setOnionKeys(1, keys());
    plane.setMaxOnionQueueDelay(100);
  };
  commands();
  plane.step(1e9);
  assert.deepEqual(plane.drain(10), []);
  const { onions } = plane.stats();
  assert.deepEqual(onions.processed, { tap: 0, fast: 0, ntor: 0, ntor_v3: 0, other: 0 });
  assert.deepEqual(onions.dropped, onions.processed);
  assert.equal(onions.queued, 0);
  assert.ok((onions.costNs['ntor'] ?? 0) > 1000);
  assert.equal(onions.queueDelayNs.total, 0);
  plane.close();
  commands();
});

test('threads for circuit handshakes start with the first keys and end with the data plane', () => {
  const plane = makePlane({ threads: 1, onionThreads: 3 });
  assert.equal(onionThreads(), 0);
  plane.setOnionKeys(1, keys());
  plane.setOnionKeys(2, keys({ keys: [] }));
  assert.equal(onionThreads(), 3);
  plane.close();
  assert.equal(onionThreads(), 0);
});

test('a worker that is terminated takes its threads for circuit handshakes along', async () => {
  const binding = loadBinding();
  const options = resolveDataPlaneOptions({ threads: 1, onionThreads: 2 }, binding.info());
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData.loader).then(({ loadBinding }) => {
      const plane = new (loadBinding().DataPlane)(workerData.options, () => undefined);
      plane.setOnionKeys(1, workerData.keys);
      globalThis.plane = plane;
      parentPort.postMessage('up');
      setInterval(() => undefined, 1000);
    });`;
  const loader = new URL('../../src/native/binding.js', import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { loader, options, keys: keys() } });
  await new Promise((resolve) => worker.once('message', resolve));
  assert.equal(onionThreads(), 2);
  await worker.terminate();
  assert.equal(onionThreads(), 0);
});
