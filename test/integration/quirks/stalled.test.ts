import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import { CELL, destroyCell, SAY, sayCell } from '../../support/raw-tor61-cells.js';
import type { RawPeer } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };
const STALL_MS = 500;
/** Where others must not wait as long as that. */
const LONG_STALL_MS = 2500;
const UNDISTURBED_MS = 2000;
const CELLS = 64;

/** More than the kernel's buffers of a loopback connection ever hold. */
const MUCH = 48_000_000;

/** Writes as fast as it is taken until `isDone`; counts what went. */
function pour(
  peer: RawPeer,
  block: Buffer,
  isDone: () => boolean,
): { bytes: number; stopped: Promise<void> } {
  const poured = { bytes: 0, stopped: Promise.resolve() };
  poured.stopped = (async () => {
    while (!isDone() && !peer.hasEnded && poured.bytes < MUCH) {
      await Promise.race([peer.sendAll(block), peer.gone]);
      poured.bytes += block.length;
    }
  })();
  return poured;
}

/** Round trips through an undisturbed circuit while `isOver` is false, and five at least; the longest in ms. */
async function roundTrips(peer: RawPeer, circId: number, isOver = (): boolean => true): Promise<number> {
  let longest = 0;
  for (let i = 0; i < 5 || !isOver(); i++) {
    const since = performance.now();
    peer.say(circId, 1, SAY.data, `trip ${i}`);
    assert.equal((await peer.expectSay(circId, SAY.data, 1)).body.toString(), `trip ${i}`);
    longest = Math.max(longest, performance.now() - since);
  }
  return longest;
}

/** Only what was counted. */
function positive(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

for (const threads of [1, 2]) {
  describe(`peers that stop reading, ${threads} reactor(s)`, LIMIT, () => {
    const start = (stallMs = STALL_MS): Promise<Scene> =>
      Scene.start({ plane: { threads, circuitStallMs: stallMs, streamStallMs: stallMs } });

    /** A circuit of its own connections with an echo at its end. */
    const bystander = async (scene: Scene): Promise<{ peer: RawPeer; circId: number }> => {
      const peer = await scene.created(1);
      peer.say(1, 1, SAY.begin, `127.0.0.1:${await scene.server()}\0`);
      await peer.expectSay(1, SAY.connected, 1);
      return { peer, circId: 1 };
    };

    test('a next hop: its circuit is closed after the stall time, others are undisturbed', async () => {
      const scene = await start(LONG_STALL_MS);
      const { origin, next, nextId } = await scene.extended();
      const { peer, circId } = await bystander(scene);
      await origin.create(11);
      next.socket.pause();
      let isClosed = false;
      const block = Buffer.concat(
        Array.from({ length: CELLS }, () => sayCell(9, 1, SAY.data, 'x'.repeat(498))),
      );
      const poured = pour(origin, block, () => isClosed);
      const closing = origin.expectCell({ kind: CELL.destroy, circId: 9 }, 20_000);
      void closing.then(() => (isClosed = true)).catch(() => (isClosed = true));
      const longest = await roundTrips(peer, circId, () => isClosed);
      assert.ok(longest < UNDISTURBED_MS, `a round trip of ${Math.round(longest)} ms`);
      await closing;
      assert.deepEqual(positive(scene.stats().dataPlane.circuitsClosed), { stalled: 1 });
      assert.ok(poured.bytes < MUCH, 'the sender was held up');
      assert.ok(scene.plane.stats().memoryBytes < 16_000_000);
      await poured.stopped;
      // The channel that fed it is read again.
      await scene.expectServing(origin, 11);
      next.socket.resume();
      for (let kind = 0; kind !== CELL.destroy;) {
        const cell = await next.next();
        assert.equal(cell.circId, nextId);
        kind = cell.kind;
      }
      await scene.expectReleased();
      await scene.close();
    });

    test('an origin: its circuit is closed after the stall time, others are undisturbed', async () => {
      const scene = await start(LONG_STALL_MS);
      const { origin, next, nextId } = await scene.extended();
      const { peer, circId } = await bystander(scene);
      origin.socket.pause();
      let isClosed = false;
      const block = Buffer.concat(
        Array.from({ length: CELLS }, () => sayCell(nextId, 1, SAY.data, 'x'.repeat(498))),
      );
      const poured = pour(next, block, () => isClosed);
      const closing = next.expectCell({ kind: CELL.destroy, circId: nextId }, 20_000);
      void closing.then(() => (isClosed = true)).catch(() => (isClosed = true));
      const longest = await roundTrips(peer, circId, () => isClosed);
      assert.ok(longest < UNDISTURBED_MS, `a round trip of ${Math.round(longest)} ms`);
      await closing;
      assert.ok(poured.bytes < MUCH, 'the sender was held up');
      await poured.stopped;
      await next.expectNothingBefore();
      await scene.expectReleased();
      await scene.close();
    });

    test('a server behind an exit: its stream ends after the stall time, the circuit goes on', async () => {
      const scene = await start();
      const peer = await scene.created(1);
      let server: Socket | undefined;
      const port = await scene.server((socket) => (server = socket.pause()));
      peer.say(1, 5, SAY.begin, `127.0.0.1:${port}\0`);
      await peer.expectSay(1, SAY.connected, 5);
      let isEnded = false;
      const block = Buffer.concat(
        Array.from({ length: CELLS }, () => sayCell(1, 5, SAY.data, 'x'.repeat(498))),
      );
      const poured = pour(peer, block, () => isEnded);
      await peer.expectCell({ kind: CELL.relay, circId: 1, streamId: 5, says: SAY.end }, 20_000);
      isEnded = true;
      assert.ok(poured.bytes < MUCH, 'the sender was held up');
      assert.ok(scene.plane.stats().memoryBytes < 16_000_000);
      await poured.stopped;
      await scene.expectServing(peer, 1);
      server?.destroy();
      await scene.expectReleased();
      await scene.close();
    });

    test('an origin with 1000 streams that it never reads: bounded, then closed, all of it', async () => {
      const scene = await start();
      const peer = await scene.created(1);
      const { peer: other, circId } = await bystander(scene);
      const chunk = Buffer.alloc(65_536, 'endless ');
      const port = await scene.server((socket) => {
        const write = (): void => {
          while (!socket.destroyed && socket.write(chunk)) continue;
        };
        socket.on('drain', write).resume();
        socket.on('end', () => socket.destroy());
        write();
      });
      peer.socket.pause();
      for (let streamId = 0; streamId < 1000; streamId++)
        peer.send(sayCell(1, streamId, SAY.begin, `127.0.0.1:${port}\0`));
      await scene.until('streams are up', () => scene.left().streams > 100);
      let most = 0;
      await scene.until(
        'the circuit is closed',
        () => {
          most = Math.max(most, scene.plane.stats().memoryBytes);
          return scene.left().streams <= 1;
        },
        20_000,
      );
      assert.ok(most < 32_000_000, `${most} bytes`);
      assert.ok((await roundTrips(other, circId)) < UNDISTURBED_MS);
      await scene.expectReleased();
      await scene.close();
    });

    test('a peer that reads nothing and is destroyed leaves nothing', async () => {
      const scene = await start();
      const { origin, next, nextId } = await scene.extended();
      next.socket.pause();
      const block = Buffer.concat(
        Array.from({ length: CELLS }, () => sayCell(9, 1, SAY.data, 'x'.repeat(498))),
      );
      let isDone = false;
      const poured = pour(origin, block, () => isDone);
      await scene.until('its queue is full', () =>
        scene.plane.stats().reactors.some((r) => r.cellsInUse > 200),
      );
      origin.send(destroyCell(9));
      next.reset();
      isDone = true;
      origin.reset();
      await poured.stopped;
      assert.ok(nextId > 0);
      await scene.expectReleased();
      await scene.close();
    });
  });
}
