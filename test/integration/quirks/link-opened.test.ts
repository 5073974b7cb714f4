import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import { CELL, destroyCell, extendBody, openCell, plainCell, SAY } from '../../support/raw-tor61-cells.js';
import type { RawPeer, RawRouter } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };
const scene = await Scene.start();

/** Peer and router by hand; the relay between them is asked to extend. */
async function asked(circId = 9): Promise<{ origin: RawPeer; router: RawRouter }> {
  const origin = await scene.created(circId);
  const router = await scene.router();
  origin.say(circId, 0, SAY.extend, extendBody(router.port, router.agentId));
  return { origin, router };
}

/** The circuit that could not be extended still ends here, and serves. */
async function expectFailedButServing(origin: RawPeer, circId = 9): Promise<void> {
  await origin.expectSay(circId, SAY.extendFailed, 0);
  await scene.expectServing(origin, circId);
}

async function expectCreatedThrough(peer: RawPeer, origin: RawPeer): Promise<void> {
  const { circId } = await peer.expectCell({ kind: CELL.create });
  peer.send(plainCell(circId, CELL.created));
  await origin.expectSay(9, SAY.extended, 0);
}

/** The link handshake as the opening side meets it: rows 1, 2, 7 and 8, and how each known agent answers. */
describe('routers that are opened', LIMIT, () => {
  test('OPEN is written at once, names both, and nothing follows before OPENED', async () => {
    const { origin, router } = await asked();
    const peer = await router.accept();
    const open = await peer.expectCell({ kind: CELL.open, circId: 0 });
    assert.deepEqual([open.openerId, open.openedId], [scene.id, router.agentId]);
    assert.deepEqual(peer.chunks, [512], 'one write');
    await peer.expectQuiet();
    peer.send(openCell(CELL.opened, scene.id, router.agentId));
    const { circId } = await peer.expectCell({ kind: CELL.create });
    assert.equal(circId % 2, 1, 'the opener chooses odd circuit IDs');
    peer.send(plainCell(circId, CELL.created));
    await origin.expectSay(9, SAY.extended, 0);
  });

  const answers: [string, (self: number, peer: number) => Buffer[]][] = [
    ['circuit ID 0', (self, peer) => [openCell(CELL.opened, self, peer, 0)]],
    ['a circuit ID of its own', (self, peer) => [openCell(CELL.opened, self, peer, 0x1234)]],
    ['the IDs swapped', (self, peer) => [openCell(CELL.opened, peer, self)]],
    ['another opener ID', (_, peer) => [openCell(CELL.opened, 4711, peer)]],
    ['another opened ID', (self) => [openCell(CELL.opened, self, 4711)]],
    ['padding of zeros in ASCII', (self, peer) => [openCell(CELL.opened, self, peer).fill('0', 11)]],
    [
      'a second OPENED behind it',
      (self, peer) => [openCell(CELL.opened, self, peer), openCell(CELL.opened, self, peer)],
    ],
    [
      'OPEN_FAILED with the IDs swapped, then OPENED',
      (self, peer) => [openCell(CELL.openFailed, peer, self), openCell(CELL.opened, self, peer)],
    ],
  ];
  for (const [name, answer] of answers) {
    test(`OPENED with ${name} opens`, async () => {
      const { origin, router } = await asked();
      const peer = await router.accept();
      const { openerId, openedId } = await peer.expectCell({ kind: CELL.open });
      peer.send(...answer(openerId, openedId));
      await expectCreatedThrough(peer, origin);
    });
  }

  test('OPENED in single bytes opens', async () => {
    const { origin, router } = await asked();
    const peer = await router.accept();
    const { openerId, openedId } = await peer.expectCell({ kind: CELL.open });
    await peer.sendPieces(openCell(CELL.opened, openerId, openedId), 1);
    await expectCreatedThrough(peer, origin);
  });

  test('a late OPENED, within its time, opens', async () => {
    const { origin, router } = await asked();
    const peer = await router.accept();
    const { openerId, openedId } = await peer.expectCell({ kind: CELL.open });
    await peer.expectQuiet(400);
    peer.send(openCell(CELL.opened, openerId, openedId));
    await expectCreatedThrough(peer, origin);
  });

  const refusals: [string, (self: number, peer: number) => Buffer[]][] = [
    ['OPEN_FAILED', (self, peer) => [openCell(CELL.openFailed, self, peer)]],
    ['OPEN_FAILED with the IDs swapped', (self, peer) => [openCell(CELL.openFailed, peer, self)]],
    ['OPEN_FAILED with its own ID in front', (_, peer) => [openCell(CELL.openFailed, peer, 0)]],
    ['OPENED for two others', () => [openCell(CELL.opened, 4711, 4712)]],
    ['CREATED', () => [plainCell(1, CELL.created)]],
    ['DESTROY', () => [destroyCell(0)]],
    ['an unknown cell type', () => [plainCell(0, 77)]],
    ['what is no Tor61 at all', () => [Buffer.from('HTTP/1.1 400 Bad Request\r\n'.padEnd(700, ' '))]],
  ];
  for (const [name, answer] of refusals) {
    test(`OPEN answered with ${name}: EXTEND_FAILED, the connection ends, the circuit serves on`, async () => {
      const { origin, router } = await asked();
      const peer = await router.accept();
      const { openerId, openedId } = await peer.expectCell({ kind: CELL.open });
      peer.send(...answer(openerId, openedId));
      await expectFailedButServing(origin);
      await peer.expectClosed();
    });
  }

  test('no answer to OPEN: EXTEND_FAILED in time, and the connection is closed', async () => {
    const { origin, router } = await asked();
    const peer = await router.accept();
    await peer.expectCell({ kind: CELL.open });
    await expectFailedButServing(origin);
    await peer.expectClosed();
  });

  test('half of an OPENED is no answer', async () => {
    const { origin, router } = await asked();
    const peer = await router.accept();
    const { openerId, openedId } = await peer.expectCell({ kind: CELL.open });
    peer.send(openCell(CELL.opened, openerId, openedId).subarray(0, 511));
    await expectFailedButServing(origin);
    await peer.expectClosed();
  });

  for (const when of ['before OPEN was read', 'after OPEN'] as const) {
    for (const how of ['end', 'reset'] as const) {
      test(`a router that closes (${how}) ${when}: EXTEND_FAILED at once`, async () => {
        const { origin, router } = await asked();
        const peer = await router.accept();
        if (when === 'after OPEN') await peer.expectCell({ kind: CELL.open });
        if (how === 'end') peer.socket.end();
        else peer.reset();
        const since = performance.now();
        await expectFailedButServing(origin);
        assert.ok(performance.now() - since < 800, 'no deadline is waited for');
      });
    }
  }

  test('two circuits that want the same router share one connection attempt', async () => {
    const origins = [await scene.created(9), await scene.created(9)];
    const router = await scene.router();
    for (const origin of origins) origin.say(9, 0, SAY.extend, extendBody(router.port, router.agentId));
    const peer = await router.acceptOpen();
    const circIds = [];
    for (const _ of origins) {
      const { circId } = await peer.expectCell({ kind: CELL.create });
      circIds.push(circId);
      peer.send(plainCell(circId, CELL.created));
    }
    assert.equal(new Set(circIds).size, 2);
    for (const origin of origins) await origin.expectSay(9, SAY.extended, 0);
    assert.equal(router.peers.length, 1);
  });

  test('a connection that the router made itself is used for our circuits, with even IDs', async () => {
    const router = await scene.router();
    const link = await scene.opened(router.agentId);
    const origin = await scene.created(9);
    origin.say(9, 0, SAY.extend, extendBody(router.port, router.agentId));
    const { circId } = await link.expectCell({ kind: CELL.create });
    assert.equal(circId % 2, 0);
    link.send(plainCell(circId, CELL.created));
    await origin.expectSay(9, SAY.extended, 0);
    assert.equal(router.peers.length, 0, 'no second connection');
  });

  test('OPEN from a router that we opened is answered OPENED', async () => {
    const { next, router } = await scene.extended();
    next.send(openCell(CELL.open, router.agentId, scene.id));
    await next.expectCell({ kind: CELL.opened, openerId: router.agentId, openedId: scene.id });
  });

  test('after all that nothing is left', () => scene.expectReleased());
});
