import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import { CELL, createCell, destroyCell, extendBody, plainCell, SAY } from '../../support/raw-tor61-cells.js';
import type { RawPeer } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };

/**
 * Row 5: a router whose connections share one queue, so that what belongs to one of them may come on any other; found
 * by agent ID and circuit ID. Rows 6: and its own connections to itself.
 */
for (const threads of [1, 2]) {
  const scene = await Scene.start({ plane: { threads } });

  /** Two connections of one router: one that it made, one that we made because its own was not there yet. */
  const twoLinks = async (): Promise<{ origin: RawPeer; used: RawPeer; other: RawPeer; circId: number }> => {
    const origin = await scene.created(9);
    const router = await scene.router();
    origin.say(9, 0, SAY.extend, extendBody(router.port, router.agentId));
    const used = await router.acceptOpen();
    const { circId } = await used.expectCell({ kind: CELL.create });
    const other = await scene.opened(router.agentId);
    return { origin, used, other, circId };
  };

  describe(`several connections of one agent, ${threads} reactor(s)`, LIMIT, () => {
    test('CREATED and relay cells that come on the other connection are the circuit’s', async () => {
      const { origin, used, other, circId } = await twoLinks();
      other.send(plainCell(circId, CELL.created));
      await origin.expectSay(9, SAY.extended, 0);
      origin.say(9, 1, 99, 'away');
      await used.expectSay(circId, 99, 1);
      for (let i = 0; i < 40; i++) (i % 2 === 0 ? other : used).say(circId, i, 99, `cell ${i}`);
      const seen = new Set<number>();
      for (let i = 0; i < 40; i++) seen.add((await origin.expectSay(9, 99)).streamId);
      assert.equal(seen.size, 40, 'every one once');
    });

    test('CREATE_FAILED and DESTROY on the other connection count too', async () => {
      const refused = await twoLinks();
      refused.other.send(plainCell(refused.circId, CELL.createFailed));
      await refused.origin.expectSay(9, SAY.extendFailed, 0);
      const ended = await twoLinks();
      ended.other.send(plainCell(ended.circId, CELL.created));
      await ended.origin.expectSay(9, SAY.extended, 0);
      ended.other.send(destroyCell(ended.circId));
      await ended.origin.expectCell({ kind: CELL.destroy, circId: 9 });
      await ended.used.expectNothingBefore();
    });

    test('cells of a circuit that it began on one connection, sent on the other', async () => {
      const agentId = 0x80000001 + threads;
      const [first, second] = [await scene.opened(agentId), await scene.opened(agentId)];
      await first.create(21);
      const port = await scene.server();
      second.say(21, 4, SAY.begin, `127.0.0.1:${port}\0`);
      await first.expectSay(21, SAY.connected, 4);
      first.say(21, 4, SAY.data, 'one ');
      await first.expectData(21, 4, 4);
      second.say(21, 4, SAY.data, 'two');
      assert.equal((await first.expectData(21, 4, 3)).toString(), 'two');
      second.send(destroyCell(21));
      await scene.until('its stream is gone', () => scene.stats().exitStreams === 0);
      await second.expectNothingBefore();
    });

    test('each connection has its own circuits under the same IDs, and they are not mixed up', async () => {
      const agentId = 0x80000011 + threads;
      const [first, second] = [await scene.created(7), await scene.opened(agentId)];
      const third = await scene.opened(agentId);
      for (const peer of [second, third]) await peer.create(7);
      for (const peer of [first, second, third]) await scene.expectServing(peer, 7);
      second.send(destroyCell(7));
      await scene.expectServing(third, 7);
      await scene.expectServing(first, 7);
    });

    test('another agent cannot reach the circuit by its number', async () => {
      const mine = await scene.created(33);
      await scene.opened(0x80000022);
      const stranger = await scene.opened(0x80000022);
      stranger.send(destroyCell(33));
      await stranger.expectNothingBefore();
      await scene.expectServing(mine, 33);
    });

    test('one of them lost: its circuits end, those on the other go on', async () => {
      const { origin, used, other, circId } = await twoLinks();
      used.send(plainCell(circId, CELL.created));
      await origin.expectSay(9, SAY.extended, 0);
      await other.create(5);
      used.reset();
      await origin.expectCell({ kind: CELL.destroy, circId: 9 });
      await scene.expectServing(other, 5);
    });

    test('an agent with our own ID on both sides: no cell of one end is taken for the other’s', async () => {
      const [first, second] = [await scene.created(1), await scene.opened(scene.id)];
      const third = await scene.opened(scene.id);
      second.send(createCell(1));
      await second.expectCell({ kind: CELL.created, circId: 1 });
      third.send(destroyCell(1));
      await third.expectNothingBefore();
      await scene.expectServing(second, 1);
      await scene.expectServing(first, 1);
    });

    test('after all that nothing is left', () => scene.expectReleased());
  });
}
