import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import {
  CELL,
  createCell,
  destroyCell,
  openCell,
  plainCell,
  SAY,
  sayCell,
} from '../../support/raw-tor61-cells.js';
import type { RawPeer } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };

/** Hands everything to the kernel as it takes it, for so long that it must have stopped taking if it ever does. */
async function flood(scene: Scene, peer: RawPeer, block: Buffer, bytes = 32_000_000): Promise<number> {
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, scene.plane.stats().memoryBytes)), 5);
  for (let sent = 0; sent < bytes && !peer.hasEnded; sent += block.length) {
    const taken = await Promise.race([
      peer.sendAll(block).then(() => true),
      peer.gone.then(() => false),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 700)),
    ]);
    if (!taken) break;
  }
  clearInterval(watch);
  return Math.max(most, scene.plane.stats().memoryBytes);
}

function many(count: number, make: (i: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
}

/** Whoever sends without reading fills no memory here, and disturbs nobody. */
for (const threads of [1, 2]) {
  describe(`floods, ${threads} reactor(s)`, LIMIT, () => {
    const floods: [string, bytes: number, (scene: Scene) => Buffer][] = [
      ['CREATE for an ID in use', 2_000_000, () => many(1024, () => createCell(7))],
      ['OPEN again', 2_000_000, (scene) => many(1024, () => openCell(CELL.open, 1, scene.id))],
      [
        'CREATE and DESTROY in turn',
        2_000_000,
        () => many(1024, (i) => (i % 2 === 0 ? createCell : destroyCell)(21)),
      ],
      ['BEGIN that is refused', 4_000_000, () => many(1024, (i) => sayCell(7, i, SAY.begin, 'nonsense'))],
      [
        'EXTEND that makes no sense',
        2_000_000,
        () => many(1024, () => sayCell(7, 0, SAY.extend, 'nonsense')),
      ],
      ['every circuit ID there is', 48_000_000, () => many(65_536, (i) => createCell(i ^ 0x5555))],
    ];
    for (const [name, bound, make] of floods) {
      test(`${name}, without reading an answer: bounded, others are served, nothing is left`, async () => {
        const scene = await Scene.start({ plane: { threads, circuitStallMs: 800 } });
        const peer = await scene.created(7);
        const bystander = await scene.created(1);
        peer.socket.pause();
        const most = await flood(scene, peer, make(scene));
        assert.ok(most < bound, `${most} bytes`);
        await scene.expectServing(bystander, 1);
        await scene.expectReleased();
        await scene.close();
      });
    }

    test('a quarter of a million cells of nonsense cost nothing but their reading', async () => {
      const scene = await Scene.start({ plane: { threads } });
      const peer = await scene.created(7);
      const block = many(4096, (i) => {
        const circId = (i * 7919) & 0xffff;
        if (i % 4 === 0) return plainCell(circId, 9 + (i % 240));
        if (i % 4 === 1) return sayCell(circId === 7 ? 8 : circId, i & 0xffff, SAY.data, 'to nobody');
        if (i % 4 === 2) return sayCell(7, i & 0xffff, SAY.data, 'to no stream');
        return plainCell(circId, CELL.created);
      });
      const most = await flood(scene, peer, block, 128_000_000);
      assert.ok(most < 4_000_000, `${most} bytes`);
      await peer.expectNothingBefore();
      await scene.expectServing(peer, 7);
      await scene.expectReleased();
      await scene.close();
    });

    test('noise of every kind on fresh connections: each is closed, and nothing is left', async () => {
      const scene = await Scene.start({ plane: { threads } });
      let state = 12_345;
      for (let i = 0; i < 100; i++) {
        const peer = await scene.connect();
        if (i % 2 === 0) await peer.open(1000 + i, scene.id);
        const noise = Buffer.from(
          Array.from(
            { length: 512 * 8 + i },
            () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >> 24,
          ),
        );
        // Real cell types, or most of it would be passed over.
        for (let at = 2; at < noise.length; at += 512) noise[at] = (noise[at] as number) % 9;
        peer.send(noise);
        peer.socket.end();
        peer.socket.resume();
        await peer.gone;
      }
      await scene.expectServing(await scene.created(1), 1);
      await scene.expectReleased();
      await scene.close();
    });
  });
}
