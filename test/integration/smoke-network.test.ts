import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { EmbeddedNetwork, fetchThroughProxy, runSmoke } from '../../src/network/index.js';

const QUICK = { relays: 3, proxyPort: 0 };

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function threads(): number {
  return readdirSync('/proc/self/task').length;
}

/** One round trip through Node's loop, so that closed sockets are gone. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

async function fetchPage(network: EmbeddedNetwork): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  const { text } = await fetchThroughProxy(network.proxy, `${network.site.origin}/`, { signal });
  assert.match(text, /It came through the circuit/);
}

test('a stopped network leaves no descriptor, thread or timer behind', { timeout: 60_000 }, async () => {
  // The first one also pays for what the process keeps: the addon, thread pool, resolver.
  let before: { descriptors: number; threads: number; resources: string[] } | undefined;
  for (let round = 0; round < 4; round++) {
    const network = await EmbeddedNetwork.start({ ...QUICK, dataPlane: { threads: 2 } });
    await fetchPage(network);
    await network.stop();
    await network.stop();
    await settle();
    const now = {
      descriptors: openDescriptors(),
      threads: threads(),
      resources: process.getActiveResourcesInfo(),
    };
    before ??= now;
    assert.deepEqual(now, before);
  }
});

test('two networks run side by side in one process', { timeout: 60_000 }, async (t) => {
  const networks = await Promise.all([EmbeddedNetwork.start(QUICK), EmbeddedNetwork.start(QUICK)]);
  t.after(() => Promise.all(networks.map((network) => network.stop())));
  assert.notEqual(networks[0].proxy.port, networks[1].proxy.port);
  await Promise.all(networks.map((network) => runSmoke(network, AbortSignal.timeout(30_000))));
});

test('the network tells of each part as it comes up, and of the circuit', { timeout: 60_000 }, async (t) => {
  const parts: string[] = [];
  const circuits: string[][] = [];
  const network = await EmbeddedNetwork.start({
    ...QUICK,
    onProgress: ({ part, port }) => {
      parts.push(part);
      assert.ok(port > 0);
    },
    onCircuit: (path) => void circuits.push(path.map(({ name }) => name)),
  });
  t.after(() => network.stop());
  assert.deepEqual(parts, ['registration', 'page', 'relay', 'relay', 'relay', 'proxy', 'site']);
  assert.equal(circuits.length, 1);
  assert.deepEqual(
    circuits[0],
    network.hops().map(({ name }) => name),
  );
  assert.deepEqual(circuits[0]?.toSorted(), network.relays.map(({ name }) => name).toSorted());
});

test(
  'a start that is aborted rejects with the reason and releases what was up',
  { timeout: 60_000 },
  async () => {
    await settle();
    const before = openDescriptors();
    for (const part of ['registration', 'relay', 'proxy', 'site'] as const) {
      const controller = new AbortController();
      const reason = new Error(`aborted at ${part}`);
      const starting = EmbeddedNetwork.start({
        ...QUICK,
        signal: controller.signal,
        onProgress: (progress) => {
          if (progress.part === part) controller.abort(reason);
        },
      });
      await assert.rejects(starting, reason);
    }
    await settle();
    assert.ok(openDescriptors() <= before);
    await assert.rejects(EmbeddedNetwork.start({ signal: AbortSignal.abort(new Error('before')) }), /before/);
  },
);

test('a wrong argument is a TypeError that names it', async () => {
  const wrong: [Parameters<typeof EmbeddedNetwork.start>[0], string][] = [
    [{ relays: 0 }, 'relays'],
    [{ relays: 1.5 }, 'relays'],
    [{ proxyPort: 65_536 }, 'proxyPort'],
    [{ dataPlane: { threads: 0 } }, 'threads'],
  ];
  for (const [options, name] of wrong) {
    await assert.rejects(EmbeddedNetwork.start(options), {
      name: 'TypeError',
      message: new RegExp(`^${name} must be`),
    });
  }
});

test('one relay is enough: it is every hop', { timeout: 60_000 }, async (t) => {
  const network = await EmbeddedNetwork.start({ relays: 1, proxyPort: 0 });
  t.after(() => network.stop());
  assert.equal(network.hops().length, 3);
  await fetchPage(network);
});
