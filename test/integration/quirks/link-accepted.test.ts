import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/relay/index.js';
import { Scene, STRANGER } from '../../support/raw-tor61-scene.js';
import {
  CELL,
  createCell,
  destroyCell,
  openCell,
  plainCell,
  SAY,
  sayCell,
} from '../../support/raw-tor61-cells.js';

const LIMIT = { timeout: 60_000 };

/** The link handshake as the accepting side meets it: "What a router must tolerate", rows 3, 6, 8, and the answers. */
for (const threads of [1, 2]) {
  const scene = await Scene.start({ plane: { threads } });
  const open = openCell(CELL.open, STRANGER, scene.id);

  describe(`openers of a link, ${threads} reactor(s)`, LIMIT, () => {
    for (const pieceLength of [1, 7, 511]) {
      test(`OPEN in segments of ${pieceLength} bytes is one OPEN`, async () => {
        const peer = await scene.connect();
        await peer.sendPieces(Buffer.concat([open, createCell(5)]), pieceLength);
        await peer.expectCell({ kind: CELL.opened, openerId: STRANGER, openedId: scene.id });
        await peer.expectCell({ kind: CELL.created, circId: 5 });
      });
    }

    test('OPEN, CREATE and BEGIN in one segment are answered in this order', async () => {
      const port = await scene.server();
      const peer = await scene.connect();
      peer.send(open, createCell(1), sayCell(1, 1, SAY.begin, `127.0.0.1:${port}\0`));
      await peer.expectCell({ kind: CELL.opened });
      await peer.expectCell({ kind: CELL.created, circId: 1 });
      await peer.expectSay(1, SAY.connected, 1);
    });

    test('OPENED repeats the circuit ID and the agent IDs of the OPEN, and is one cell', async () => {
      for (const circId of [0, 1, 0xffff]) {
        const peer = await scene.connect();
        peer.send(openCell(CELL.open, STRANGER, scene.id, circId));
        await peer.expectCell({ kind: CELL.opened, circId, openerId: STRANGER, openedId: scene.id });
        assert.deepEqual(peer.chunks, [512]);
        await peer.expectNothingBefore();
      }
    });

    test('padding of any content in OPEN and CREATE means nothing', async () => {
      const peer = await scene.connect();
      peer.send(Buffer.from(open).fill('0', 11), createCell(3).fill('0', 3));
      await peer.expectCell({ kind: CELL.opened });
      await peer.expectCell({ kind: CELL.created, circId: 3 });
    });

    test('OPEN for another router: OPEN_FAILED with the IDs as sent, then the end', async () => {
      for (const other of [0x00990099, 0, 0xffffffff]) {
        const peer = await scene.connect();
        peer.send(openCell(CELL.open, STRANGER, other), createCell(1));
        await peer.expectCell({ kind: CELL.openFailed, openerId: STRANGER, openedId: other });
        await peer.expectClosed();
      }
    });

    test('a first cell that is not OPEN ends the connection without a word', async () => {
      const firsts = [
        createCell(1),
        destroyCell(1),
        sayCell(1, 1, SAY.begin, '127.0.0.1:80\0'),
        openCell(CELL.opened, STRANGER, scene.id),
        openCell(CELL.openFailed, STRANGER, scene.id),
        plainCell(0, 0),
        plainCell(7, 255),
        Buffer.from(`GET / HTTP/1.1\r\n\r\n${' '.repeat(600)}`),
        Buffer.alloc(5000, 0xff),
      ];
      for (const first of firsts) {
        const peer = await scene.connect();
        peer.send(first);
        await peer.expectClosed();
      }
    });

    test('OPEN again on an open connection, before each CREATE, is answered OPENED again', async () => {
      const peer = await scene.opened(STRANGER);
      for (const circId of [1, 3, 5]) {
        peer.send(open, createCell(circId));
        await peer.expectCell({ kind: CELL.opened, openerId: STRANGER, openedId: scene.id });
        await peer.expectCell({ kind: CELL.created, circId });
      }
    });

    test('several connections of one agent, one in our own name, and odd agent IDs: each works by itself', async () => {
      const ids = [STRANGER, STRANGER, STRANGER, scene.id, 0, 1, 0x80000000, 0xffffffff];
      const peers = await Promise.all(ids.map((id) => scene.opened(id)));
      await Promise.all(peers.map((peer) => peer.create(7)));
      await Promise.all(peers.map((peer) => scene.expectServing(peer, 7)));
      for (const peer of peers) peer.close();
    });

    test('unknown cell types and answers nobody asked for are ignored on an open connection', async () => {
      const peer = await scene.created(1);
      peer.send(plainCell(1, 0), plainCell(1, 9), plainCell(0, 200), plainCell(44, 255));
      peer.send(openCell(CELL.opened, STRANGER, scene.id), openCell(CELL.openFailed, 1, 2));
      peer.send(plainCell(1, CELL.created), plainCell(9, CELL.created), plainCell(1, CELL.createFailed));
      await peer.expectNothingBefore();
      await scene.expectServing(peer, 1);
    });

    test('connections that end at any byte of OPEN leave nothing', async () => {
      for (const length of [0, 1, 2, 3, 10, 511, 512]) {
        const polite = await scene.connect();
        polite.send(open.subarray(0, length));
        polite.socket.end();
        if (length === 512) await polite.expectCell({ kind: CELL.opened });
        await polite.expectClosed();
        const rude = await scene.connect();
        if (length > 0) await rude.sendAll(open.subarray(0, length));
        rude.reset();
      }
      await (await scene.opened()).expectNothingBefore();
    });

    test('one that never sends OPEN, or never all of it, is closed in its time', async () => {
      const silent = await scene.connect();
      const slow = await scene.connect();
      slow.send(open.subarray(0, 300));
      const since = performance.now();
      await Promise.all([silent.expectClosed(), slow.expectClosed()]);
      assert.ok(performance.now() - since >= 500, 'not before its time');
      assert.ok(scene.stats().control.handshakesFailed >= 2);
      const { openTimeoutMs } = DEFAULT_LIMITS;
      assert.ok(openTimeoutMs >= 3000 && openTimeoutMs <= 10_000, 'unless told otherwise');
    });

    test('a relay of any agent ID up to 32 bits is opened by it', async () => {
      for (const agentId of [1, 0x80000000, 0xfffffffe]) {
        const other = await Scene.start({ plane: { threads }, relay: { agentId } });
        await other.expectServing(await other.created(1), 1);
        await other.close();
      }
    });

    test('after all that nothing is left', () => scene.expectReleased());
  });
}
