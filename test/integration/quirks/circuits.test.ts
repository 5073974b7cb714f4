import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import { CELL, createCell, destroyCell, SAY, sayCell } from '../../support/raw-tor61-cells.js';

const LIMIT = { timeout: 60_000 };

/** Circuits as their previous hop makes and ends them: row 4 and "Rules around circuits". */
for (const threads of [1, 2]) {
  const scene = await Scene.start({ plane: { threads } });

  describe(`circuits that others begin, ${threads} reactor(s)`, LIMIT, () => {
    test('any circuit ID of any parity is created, once', async () => {
      const peer = await scene.opened();
      for (const circId of [0, 1, 2, 3, 255, 256, 32768, 32769, 65534, 65535]) {
        peer.send(createCell(circId));
        await peer.expectCell({ kind: CELL.created, circId });
      }
      for (const circId of [0, 2, 32769, 65535]) await scene.expectServing(peer, circId);
    });

    test('CREATE for an ID in use is CREATE_FAILED, and the circuit in use goes on', async () => {
      const peer = await scene.created(0);
      const port = await scene.server();
      peer.say(0, 1, SAY.begin, `127.0.0.1:${port}\0`);
      await peer.expectSay(0, SAY.connected, 1);
      for (let i = 0; i < 3; i++) {
        peer.send(createCell(0));
        await peer.expectCell({ kind: CELL.createFailed, circId: 0 });
      }
      peer.say(0, 1, SAY.data, 'still here');
      assert.equal((await peer.expectData(0, 1, 10)).toString(), 'still here');
    });

    test('CREATE twice in one segment: one CREATED and one CREATE_FAILED', async () => {
      const peer = await scene.opened();
      peer.send(createCell(8), createCell(8));
      const kinds = [(await peer.next()).kind, (await peer.next()).kind];
      assert.deepEqual(
        kinds.sort((a, b) => a - b),
        [CELL.created, CELL.createFailed],
      );
      await scene.expectServing(peer, 8);
    });

    test('the same ID on another connection is another circuit', async () => {
      const [first, second] = [await scene.created(7), await scene.created(7)];
      first.send(destroyCell(7));
      await scene.expectServing(second, 7);
    });

    test('DESTROY has no answer; the ID is free again, again and again', async () => {
      const peer = await scene.opened();
      for (let i = 0; i < 50; i++) peer.send(createCell(6), destroyCell(6));
      for (let i = 0; i < 50; i++) {
        // Those that were destroyed before their answer could leave have none.
        peer.send(createCell(6));
        const cell = await peer.next();
        assert.equal(cell.circId, 6);
        assert.notEqual(cell.kind, CELL.destroy);
        if (cell.kind === CELL.created) peer.send(destroyCell(6));
      }
      await peer.expectNothingBefore();
    });

    test('DESTROY twice, DESTROY and relay cells of unknown circuits: nothing, and no harm', async () => {
      const peer = await scene.created(1);
      peer.send(destroyCell(1), destroyCell(1), destroyCell(40), sayCell(41, 1, SAY.data, 'x'));
      peer.send(sayCell(1, 0, SAY.extend, 'x'), sayCell(41, 1, SAY.begin, '127.0.0.1:80\0'));
      await peer.expectNothingBefore();
    });

    test('2000 circuits on one connection, each its own stream bytes, all ended by the loss of it', async () => {
      const peer = await scene.opened();
      const port = await scene.server();
      for (let circId = 1; circId <= 2000; circId++) peer.send(createCell(circId));
      for (let i = 0; i < 2000; i++) await peer.expectCell({ kind: CELL.created });
      for (let circId = 1; circId <= 2000; circId += 100) {
        peer.say(circId, 3, SAY.begin, `127.0.0.1:${port}\0`);
        await peer.expectSay(circId, SAY.connected, 3);
        peer.say(circId, 3, SAY.data, `circuit ${circId}`);
        const body = await peer.expectData(circId, 3, `circuit ${circId}`.length);
        assert.equal(body.toString(), `circuit ${circId}`);
      }
      assert.ok(scene.stats().circuits >= 2000);
      peer.reset();
      await scene.until('the circuits are gone', () => scene.stats().circuits < 200);
    });

    test('more circuits than the relay takes are CREATE_FAILED until some end', async () => {
      const small = await Scene.start({ plane: { threads }, relay: { limits: { maxCircuits: 3 } } });
      const peer = await small.opened();
      for (const circId of [1, 3, 5]) await peer.create(circId);
      peer.send(createCell(7));
      await peer.expectCell({ kind: CELL.createFailed, circId: 7 });
      peer.send(destroyCell(3), createCell(7));
      await peer.expectCell({ kind: CELL.created, circId: 7 });
      await small.expectReleased();
      await small.close();
    });

    test('more connections than the relay takes are closed at once until some end', async () => {
      const small = await Scene.start({ plane: { threads }, relay: { limits: { maxChannels: 2 } } });
      const kept = [await small.created(1), await small.created(1)];
      await (await small.connect()).expectClosed();
      for (const peer of kept) await small.expectServing(peer, 1);
      kept[0]?.close();
      await small.until('the place is free', () => small.stats().channels < 2);
      await small.created(1);
      await small.expectReleased();
      await small.close();
    });

    test('after all that nothing is left', () => scene.expectReleased());
  });
}

describe('what lives too long', LIMIT, () => {
  test('an open connection without circuits is closed when idle, one with a circuit is not', async () => {
    const scene = await Scene.start({ relay: { limits: { channelIdleMs: 400 } } });
    const [idle, busy] = [await scene.opened(), await scene.created(1)];
    await idle.expectClosed();
    await busy.expectNothingBefore();
    await scene.expectServing(busy, 1);
    await scene.expectReleased();
  });

  test('a circuit without a cell for long is ended by DESTROY, once, on each side', async () => {
    const scene = await Scene.start({ plane: { circuitIdleMs: 600 } });
    const { origin, next, nextId } = await scene.extended();
    await origin.expectCell({ kind: CELL.destroy, circId: 9 });
    await next.expectCell({ kind: CELL.destroy, circId: nextId });
    await Promise.all([origin.expectQuiet(), next.expectQuiet()]);
    assert.ok((scene.stats().dataPlane.circuitsClosed['idle'] ?? 0) >= 1);
    await scene.expectReleased();
  });
});
