import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { RelayRecord } from '../../../src/discovery/index.js';
import { Scene } from '../../support/raw-tor61-scene.js';
import { CELL, destroyCell, openCell, SAY } from '../../support/raw-tor61-cells.js';
import type { RawCell } from '../../support/raw-tor61-cells.js';
import { agreeable, extendPort } from '../../support/raw-tor61-script.js';
import type { RawPeer, RawRouter } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };
// The relay's connection to itself goes when it is idle.
const scene = await Scene.start({ relay: { limits: { channelIdleMs: 1500 } } });
const TIMES = {
  createTimeoutMs: 500,
  extendTimeoutMs: 500,
  streamTimeoutMs: 400,
  retryMs: 20,
  maxRetryMs: 200,
};

const isSay = (cell: RawCell, says: number): boolean => cell.kind === CELL.relay && cell.says === says;

async function deadRecord(agentId: number): Promise<RelayRecord> {
  return { name: `dead-${agentId}`, host: '127.0.0.1', port: await scene.closedPort(), agentId };
}

const hostOf = { host: 'web.example', port: 80 };

/** Paths over routers of which some fail, and circuits that end: building anew, in time and not too often. */
describe('an origin and the routers that are registered', LIMIT, () => {
  test('one router is enough, and two; with three each is a hop', async () => {
    const routers = await Promise.all([1, 2, 3].map(() => scene.router(agreeable())));
    for (const count of [1, 2, 3]) {
      const origin = scene.origin(
        routers.slice(0, count).map((router) => router.record),
        TIMES,
      );
      origin.start();
      const { path } = await origin.ready();
      assert.equal(path.length, 3);
      assert.equal(new Set(path.map((hop) => hop.port)).size, count);
      const neighbours = path.some((hop, at) => at > 0 && hop.port === (path[at - 1] as RelayRecord).port);
      assert.equal(neighbours, count === 1);
      (await origin.connect(hostOf)).destroy();
      await origin.close();
    }
  });

  test('the own router alone is a circuit too', async () => {
    const origin = scene.origin([scene.record], { ...TIMES, selfId: scene.id });
    origin.start();
    assert.equal((await origin.ready()).path.length, 3);
    const stream = await origin.connect({ host: '127.0.0.1', port: await scene.server() });
    stream.write('round');
    assert.equal(String(((await once(stream, 'data')) as [Buffer])[0]), 'round');
    await origin.close();
  });

  test('first hops that are dead, refuse or never answer are struck off, others tried', async () => {
    const good = await Promise.all([1, 2, 3].map(() => scene.router(agreeable())));
    const refuses = await scene.router((peer) => {
      void peer.next().then((open) => peer.send(openCell(CELL.openFailed, open.openerId, open.openedId)));
    });
    const silent = await scene.router(agreeable((cell) => cell.kind === CELL.create));
    const records = [
      await deadRecord(0x00660001),
      refuses.record,
      silent.record,
      ...good.map((r) => r.record),
    ];
    // Always the first that is left.
    const origin = scene.origin(records, { ...TIMES, random: () => 0 });
    origin.start();
    const { path } = await origin.ready();
    assert.deepEqual(
      path.map((hop) => hop.port),
      good.map((router) => router.port),
    );
    assert.equal(origin.stats().buildsFailed, 0, 'within one attempt');
    await origin.close();
  });

  test('a hop that says EXTEND_FAILED keeps its circuit; another router is tried on it', async () => {
    let bad: RawRouter | undefined = undefined;
    const asked: number[] = [];
    let creates = 0;
    const first = await scene.router(
      agreeable((cell, peer) => {
        if (cell.kind === CELL.create) creates++;
        if (!isSay(cell, SAY.extend)) return false;
        asked.push(extendPort(cell));
        if (extendPort(cell) !== (bad as RawRouter | undefined)?.port) return false;
        peer.say(cell.circId, 0, SAY.extendFailed, cell.body);
        return true;
      }),
    );
    bad = await scene.router();
    const others = await Promise.all([1, 2].map(() => scene.router(agreeable())));
    const records = [first, bad, ...others].map((router) => router.record);
    const origin = scene.origin(records, { ...TIMES, random: () => 0 });
    origin.start();
    const { path } = await origin.ready();
    assert.ok(path.every((hop) => hop.port !== bad.port));
    assert.deepEqual(asked, [bad.port, ...others.map((router) => router.port)]);
    assert.equal(creates, 1);
    await origin.close();
  });

  test('a hop that never answers EXTEND costs the circuit: DESTROY, and a new one without the silent router', async () => {
    let silentPort = 0;
    let destroys = 0;
    const first = await scene.router(
      agreeable((cell) => {
        if (cell.kind === CELL.destroy) destroys++;
        return isSay(cell, SAY.extend) && extendPort(cell) === silentPort;
      }),
    );
    const silent = await scene.router();
    silentPort = silent.port;
    const others = await Promise.all([1, 2].map(() => scene.router(agreeable())));
    const records = [first, silent, ...others].map((router) => router.record);
    const origin = scene.origin(records, { ...TIMES, random: () => 0 });
    origin.start();
    const { path } = await origin.ready();
    assert.ok(path.every((hop) => hop.port !== silentPort));
    assert.equal(destroys, 1);
    await origin.close();
  });

  test('no router that works: requests end in time with an error that names the cause', async () => {
    const origin = scene.origin([await deadRecord(0x00660002)], { ...TIMES, circuitWaitMs: 400 });
    origin.start();
    await assert.rejects(origin.connect(hostOf), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_KIST_NO_CIRCUIT');
      assert.match(error.message, /dead-6684674.*ECONNREFUSED/);
      return true;
    });
    await origin.close();
  });

  test('no router at all, then one: the origin finds it by itself', async () => {
    const known: RelayRecord[] = [];
    const origin = scene.origin([], { ...TIMES, discovery: { relays: async () => known } });
    origin.start();
    await once(origin, 'failed');
    known.push((await scene.router(agreeable())).record);
    assert.equal((await origin.ready()).path.length, 3);
    await origin.close();
  });
});

describe('an origin whose circuit ends', LIMIT, () => {
  test('streams in progress get a clean error, and the next request goes over a new circuit', async () => {
    let last: { peer: RawPeer; circId: number } | undefined;
    const router = await scene.router(
      agreeable((cell, peer) => {
        if (cell.kind === CELL.create) last = { peer, circId: cell.circId };
        return false;
      }),
    );
    const origin = scene.origin([router.record], TIMES);
    origin.start();
    const streams = await Promise.all([1, 2, 3].map(() => origin.connect(hostOf)));
    const failed = streams.map((stream) => once(stream, 'error') as Promise<[Error & { code: string }]>);
    last?.peer.send(destroyCell(last.circId));
    for (const [error] of await Promise.all(failed)) assert.equal(error.code, 'ERR_KIST_CIRCUIT_CLOSED');
    (await origin.connect(hostOf)).destroy();
    const { circuitsBuilt, circuitsLost } = origin.stats();
    assert.deepEqual([circuitsBuilt, circuitsLost], [2, 1]);
    await origin.close();
  });

  test('a circuit that dies as soon as it is built is rebuilt with growing pauses', async () => {
    const at: number[] = [];
    const router = await scene.router(
      agreeable((cell, peer) => {
        if (cell.kind === CELL.create) at.push(performance.now());
        if (!isSay(cell, SAY.extend)) return false;
        peer.say(cell.circId, 0, SAY.extended);
        // The second EXTENDED makes it whole; then it goes.
        if (at.length > 0 && cell.bytes.length > 0 && ++extended % 2 === 0)
          peer.send(destroyCell(cell.circId));
        return true;
      }),
    );
    let extended = 0;
    const origin = scene.origin([router.record], {
      ...TIMES,
      retryMs: 80,
      maxRetryMs: 2000,
      random: () => 0,
    });
    origin.start();
    await scene.until('five circuits were begun', () => at.length >= 5);
    const gaps = at.slice(1, 5).map((time, i) => time - (at[i] as number));
    // Half of 80, 160, 320 and 640 at the least.
    for (const [i, least] of [40, 80, 160, 320].entries())
      assert.ok((gaps[i] as number) >= least - 5, `pauses of ${gaps.map(Math.round).join(', ')} ms`);
    await origin.close();
  });

  test('a request without an answer when its circuit ends is asked once more on the next one', async () => {
    let begins = 0;
    const router = await scene.router(
      agreeable((cell, peer) => {
        if (!isSay(cell, SAY.begin)) return false;
        if (++begins > 1) return false;
        peer.send(destroyCell(cell.circId));
        return true;
      }),
    );
    const origin = scene.origin([router.record], TIMES);
    origin.start();
    (await origin.connect(hostOf)).destroy();
    assert.equal(begins, 2);
    await origin.close();
  });

  test('a circuit on which no BEGIN is ever answered is given up and replaced', async () => {
    let circuits = 0;
    let destroyed = 0;
    const router = await scene.router(
      agreeable((cell) => {
        if (cell.kind === CELL.create) circuits++;
        if (cell.kind === CELL.destroy) destroyed++;
        return isSay(cell, SAY.begin) && circuits < 2;
      }),
    );
    const origin = scene.origin([router.record], { ...TIMES, maxSilentBegins: 2 });
    origin.start();
    for (let i = 0; i < 2; i++) await assert.rejects(origin.connect(hostOf), { code: 'ERR_KIST_TIMEOUT' });
    (await origin.connect(hostOf)).destroy();
    assert.deepEqual([circuits, destroyed], [2, 1]);
    await origin.close();
  });

  test('after all that nothing is left', async () => {
    await scene.expectReleased();
  });
});
