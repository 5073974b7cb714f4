import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import {
  CELL,
  createCell,
  destroyCell,
  extendBody,
  LARGEST_BODY,
  longData,
  plainCell,
  SAY,
  sayCell,
} from '../../support/raw-tor61-cells.js';
import type { RawPeer } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };

/** A circuit in the middle: rows 9, 11, 12 and 16, and who hears of whose end. */
for (const threads of [1, 2]) {
  const scene = await Scene.start({ plane: { threads } });

  const expectDestroy = async (peer: RawPeer, circId: number): Promise<void> => {
    await peer.expectCell({ kind: CELL.destroy, circId });
    await peer.expectNothingBefore();
  };

  describe(`a relay in the middle, ${threads} reactor(s)`, LIMIT, () => {
    test('every byte of a relay cell but the circuit ID passes unread, both ways, whatever it says', async () => {
      const { origin, next, nextId } = await scene.extended();
      for (const says of [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 99, 255]) {
        const cell = Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 31 + says) & 0xff));
        sayCell(9, says * 3, says, 'what follows is padding').copy(cell, 0, 0, 5);
        cell.writeUInt16BE(says === 7 ? LARGEST_BODY : 23, 11);
        cell[13] = says;
        origin.send(cell);
        const forward = await next.expectCell({ kind: CELL.relay, circId: nextId });
        assert.ok(
          forward.bytes.subarray(2).equals(cell.subarray(2)),
          `away from the origin, message ${says}`,
        );
        cell.writeUInt16BE(nextId, 0);
        next.send(cell);
        const backward = await origin.expectCell({ kind: CELL.relay, circId: 9 });
        assert.ok(backward.bytes.subarray(2).equals(cell.subarray(2)), `toward the origin, message ${says}`);
      }
    });

    test('DATA of 3140 bytes in seven blocks is re-cut, and none of its blocks is taken for a cell', async () => {
      const { origin, next, nextId } = await scene.extended();
      // What the blocks hold looks like DESTROYs and CREATEs of these very circuits.
      const body = Buffer.concat(Array.from({ length: 7 }, () => [destroyCell(9), createCell(11)]).flat());
      for (const [from, to, fromId, toId] of [
        [origin, next, 9, nextId],
        [next, origin, nextId, 9],
      ] as const) {
        for (const length of [3140, 499, 1010, 1011, 5000]) {
          const sent = body.subarray(0, length);
          from.send(longData(fromId, 6, sent), sayCell(fromId, 6, 99, 'behind it'));
          const got = await to.expectData(toId, 6, length);
          assert.ok(got.equals(sent), `${length} bytes`);
          const { body: behind } = await to.expectSay(toId, 99, 6);
          assert.equal(behind.toString(), 'behind it');
        }
        // Where a body ends with its block, some send a block of padding after it.
        from.send(longData(fromId, 6, body.subarray(0, 1010)), Buffer.alloc(512), sayCell(fromId, 6, 98));
        assert.equal((await to.expectData(toId, 6, 1010)).length, 1010);
        await to.expectSay(toId, 98, 6);
      }
    });

    test('the largest DATA of all, 65535 bytes, in pieces of any size', async () => {
      const { origin, next, nextId } = await scene.extended();
      const body = Buffer.from(Array.from({ length: 65_535 }, (_, i) => (i * 13) & 0xff));
      await origin.sendPieces(longData(9, 1, body), 4099);
      origin.send(sayCell(9, 1, 99));
      assert.ok((await next.expectData(nextId, 1, body.length)).equals(body));
      await next.expectSay(nextId, 99, 1);
    });

    test('any other message that claims more than 498 bytes costs its sender the connection, nobody else', async () => {
      for (const says of [SAY.begin, SAY.end, SAY.extend, 99]) {
        const { origin, next, nextId } = await scene.extended();
        const { origin: bystander, next: other, nextId: otherId } = await scene.extended();
        const lie = sayCell(9, 1, says);
        lie.writeUInt16BE(499, 11);
        origin.send(lie, destroyCell(9));
        await origin.expectClosed();
        await expectDestroy(next, nextId);
        bystander.say(9, 1, 99);
        await other.expectSay(otherId, 99, 1);
      }
    });

    test('the lowest and highest circuit IDs pass', async () => {
      for (const circId of [0, 65535]) {
        const { origin, next, nextId } = await scene.extended(circId);
        origin.say(circId, 0, 88);
        await next.expectSay(nextId, 88, 0);
        next.say(nextId, 65535, 89);
        await origin.expectSay(circId, 89, 65535);
      }
    });

    test('DESTROY from the origin goes to the next hop, once, and not back', async () => {
      const { origin, next, nextId } = await scene.extended();
      origin.send(destroyCell(9), destroyCell(9), sayCell(9, 1, SAY.data, 'late'));
      await expectDestroy(next, nextId);
      await origin.expectNothingBefore();
      await origin.create(9);
      await scene.expectServing(origin, 9);
    });

    test('DESTROY from the next hop goes to the origin, once, and not back', async () => {
      const { origin, next, nextId } = await scene.extended();
      next.send(destroyCell(nextId), destroyCell(nextId), sayCell(nextId, 1, SAY.data, 'late'));
      await expectDestroy(origin, 9);
      await next.expectNothingBefore();
      await origin.create(9);
      await scene.expectServing(origin, 9);
    });

    for (const how of ['end', 'reset'] as const) {
      test(`the origin's connection lost (${how}): DESTROY to the next hop, whose connection stays`, async () => {
        const { origin, next, nextId } = await scene.extended();
        if (how === 'end') origin.socket.end();
        else origin.reset();
        await expectDestroy(next, nextId);
      });

      test(`the next hop's connection lost (${how}): DESTROY to the origin, whose connection stays`, async () => {
        const { origin, next } = await scene.extended();
        if (how === 'end') next.socket.end();
        else next.reset();
        await expectDestroy(origin, 9);
      });
    }

    test('one of several circuits on a connection ends; the others go on', async () => {
      const origin = await scene.opened();
      const router = await scene.router();
      const ids = new Map<number, number>();
      let next: RawPeer | undefined;
      for (const circId of [1, 2, 3]) {
        await origin.create(circId);
        origin.say(circId, 0, SAY.extend, extendBody(router.port, router.agentId));
        next ??= await router.acceptOpen();
        const create = await next.expectCell({ kind: CELL.create });
        next.send(plainCell(create.circId, CELL.created));
        await origin.expectSay(circId, SAY.extended, 0);
        ids.set(circId, create.circId);
      }
      assert.equal(router.peers.length, 1, 'one connection for all three');
      next?.send(destroyCell(ids.get(2) ?? 0));
      await origin.expectCell({ kind: CELL.destroy, circId: 2 });
      for (const circId of [1, 3]) {
        origin.say(circId, 1, 99, `circuit ${circId}`);
        const passed = await next?.expectSay(ids.get(circId) ?? 0, 99, 1);
        assert.equal(passed?.body.toString(), `circuit ${circId}`);
      }
    });

    test('cells of the next hop on a circuit that is not its own reach nobody', async () => {
      const { origin, next, nextId } = await scene.extended();
      const { origin: other } = await scene.extended();
      next.send(sayCell(nextId + 2, 1, SAY.data, 'x'), destroyCell(nextId + 2), sayCell(9, 1, SAY.data, 'x'));
      await origin.expectNothingBefore();
      await other.expectNothingBefore();
    });

    test('CREATED and CREATE_FAILED again on a circuit that is extended mean nothing', async () => {
      const { origin, next, nextId } = await scene.extended();
      next.send(plainCell(nextId, CELL.created), plainCell(nextId, CELL.createFailed));
      next.say(nextId, 1, 99);
      await origin.expectSay(9, 99, 1);
    });

    test('after all that nothing is left', () => scene.expectReleased());
  });
}
