import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import {
  CELL,
  destroyCell,
  extendBody,
  openCell,
  plainCell,
  SAY,
  sayCell,
} from '../../support/raw-tor61-cells.js';
import type { RawPeer, RawRouter } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };

/** EXTEND in every form that is sent, and a next hop that fails at every step of it. */
for (const threads of [1, 2]) {
  // The relay's connection to itself goes when it is idle.
  const scene = await Scene.start({ plane: { threads }, relay: { limits: { channelIdleMs: 1500 } } });

  const asked = async (
    body: (router: RawRouter) => Buffer | string = (router) => extendBody(router.port, router.agentId),
    agentId?: number,
  ): Promise<{ origin: RawPeer; router: RawRouter }> => {
    const origin = await scene.created(9);
    const router = await scene.router(undefined, agentId);
    origin.say(9, 0, SAY.extend, body(router));
    return { origin, router };
  };

  const expectFailedButServing = async (origin: RawPeer): Promise<void> => {
    const cell = await origin.expectSay(9, SAY.extendFailed, 0);
    assert.equal(cell.length, 0, 'EXTEND_FAILED has no body');
    await scene.expectServing(origin, 9);
  };

  describe(`EXTEND, ${threads} reactor(s)`, LIMIT, () => {
    const forms: [string, number, (router: RawRouter) => Buffer | string][] = [
      ['an ID in four bytes', 0x01020304, (r) => extendBody(r.port, r.agentId)],
      ['an ID whose bytes hold NUL and colons', 0x003a003a, (r) => extendBody(r.port, r.agentId)],
      ['an ID in four bytes that are digits', 0x31323334, (r) => extendBody(r.port, r.agentId)],
      ['the ID in digits', 65536, (r) => `127.0.0.1:${r.port}\x00${r.agentId}`],
      ['the ID in ten digits', 0xfffffffe, (r) => `127.0.0.1:${r.port}\x00${r.agentId}`],
      ['a negative ID in digits', 0xffff0001, (r) => `127.0.0.1:${r.port}\x00${r.agentId | 0}`],
      ['the ID in digits and a NUL behind', 0x00590001, (r) => `127.0.0.1:${r.port}\x00${r.agentId}\x00`],
      ['a slash in front', 0x00590002, (r) => `/127.0.0.1:${r.port}\x00${r.agentId}`],
      ['a slash in front and four bytes', 0x00590003, (r) => extendBody(r.port, r.agentId, '/127.0.0.1')],
      ['a name and a slash in front', 0x00590004, (r) => `host/127.0.0.1:${r.port}\x00${r.agentId}`],
    ];
    for (const [name, agentId, body] of forms) {
      test(`with ${name} extends to the router it names`, async () => {
        const { origin, router } = await asked(body, agentId);
        const peer = await router.accept();
        await peer.expectCell({ kind: CELL.open, openerId: scene.id, openedId: agentId });
        peer.send(openCell(CELL.opened, scene.id, agentId));
        const { circId } = await peer.expectCell({ kind: CELL.create });
        peer.send(plainCell(circId, CELL.created));
        const extended = await origin.expectSay(9, SAY.extended, 0);
        assert.equal(extended.length, 0, 'EXTENDED has no body');
      });
    }

    test('that makes no sense is EXTEND_FAILED at once', async () => {
      const bodies = ['', '\0', 'x', '127.0.0.1:80', '127.0.0.1:80\0', '127.0.0.1:80\0abc', ':80\x0012345'];
      bodies.push(
        '127.0.0.1\x0012345',
        'a.name:80\x0012345',
        '127.0.0.1:99999\x0012345',
        '1.2.3:80\x0012345',
      );
      bodies.push(`127.0.0.1:80\0${'9'.repeat(12)}`, '127.0.0.1:80\x004294967296', '\0'.repeat(498));
      const origin = await scene.created(9);
      for (const body of bodies) {
        origin.say(9, 0, SAY.extend, body);
        await origin.expectSay(9, SAY.extendFailed, 0);
      }
      await scene.expectServing(origin, 9);
    });

    test('to a closed port is EXTEND_FAILED at once, and another EXTEND may follow', async () => {
      const origin = await scene.created(9);
      const port = await scene.closedPort();
      for (let i = 0; i < 3; i++) {
        origin.say(9, 0, SAY.extend, extendBody(port, 0x00600001));
        await origin.expectSay(9, SAY.extendFailed, 0);
      }
      const router = await scene.router();
      origin.say(9, 0, SAY.extend, extendBody(router.port, router.agentId));
      const { peer, circId } = await router.acceptCircuit();
      await origin.expectSay(9, SAY.extended, 0);
      origin.say(9, 1, 99);
      await peer.expectSay(circId, 99, 1);
    });

    test('to the relay itself makes another hop here, as often as it is asked', async () => {
      const origin = await scene.created(9);
      for (let hop = 0; hop < 3; hop++) {
        origin.say(9, 0, SAY.extend, extendBody(scene.port, scene.id));
        await origin.expectSay(9, SAY.extended, 0);
      }
      await scene.expectServing(origin, 9);
      const long = Buffer.alloc(20_000, 'abc');
      const port = await scene.server();
      origin.say(9, 1, SAY.begin, `127.0.0.1:${port}\0`);
      await origin.expectSay(9, SAY.connected, 1);
      for (let at = 0; at < long.length; at += 400) origin.say(9, 1, SAY.data, long.subarray(at, at + 400));
      assert.ok((await origin.expectData(9, 1, long.length)).equals(long));
      const before = scene.stats().circuits;
      origin.send(destroyCell(9));
      await scene.until('all four hops are gone', () => scene.stats().circuits <= before - 4);
    });

    test('CREATE_FAILED: EXTEND_FAILED, no DESTROY, the connection stays', async () => {
      const { origin, router } = await asked();
      const peer = await router.acceptOpen();
      const { circId } = await peer.expectCell({ kind: CELL.create });
      peer.send(plainCell(circId, CELL.createFailed));
      await expectFailedButServing(origin);
      await peer.expectNothingBefore();
    });

    test('DESTROY in answer to CREATE: EXTEND_FAILED', async () => {
      const { origin, router } = await asked();
      const peer = await router.acceptOpen();
      const { circId } = await peer.expectCell({ kind: CELL.create });
      peer.send(destroyCell(circId));
      await expectFailedButServing(origin);
      await peer.expectNothingBefore();
    });

    test('no answer to CREATE: EXTEND_FAILED in time; never DESTROY for it, unless CREATED comes late', async () => {
      const { origin, router } = await asked();
      const peer = await router.acceptOpen();
      const { circId } = await peer.expectCell({ kind: CELL.create });
      await expectFailedButServing(origin);
      await peer.expectNothingBefore();
      origin.send(destroyCell(9));
      await peer.expectNothingBefore();
      // Now it does exist over there, and nobody will ever use it.
      peer.send(plainCell(circId, CELL.created), plainCell(circId, CELL.created));
      await peer.expectCell({ kind: CELL.destroy, circId });
      await peer.expectNothingBefore();
    });

    test('the connection lost before CREATED: EXTEND_FAILED at once', async () => {
      const { origin, router } = await asked();
      const peer = await router.acceptOpen();
      await peer.expectCell({ kind: CELL.create });
      peer.reset();
      await expectFailedButServing(origin);
    });

    test('CREATED for another circuit is no answer', async () => {
      const { origin, router } = await asked();
      const peer = await router.acceptOpen();
      const { circId } = await peer.expectCell({ kind: CELL.create });
      peer.send(plainCell(circId + 2, CELL.created), sayCell(circId, 0, SAY.data, 'too early'));
      peer.send(plainCell(circId, CELL.created));
      await origin.expectSay(9, SAY.extended, 0);
    });

    test('the origin that leaves while EXTEND is under way: no DESTROY before CREATED, one after', async () => {
      for (const how of ['destroy', 'loss'] as const) {
        const { origin, router } = await asked();
        const peer = await router.acceptOpen();
        const { circId } = await peer.expectCell({ kind: CELL.create });
        if (how === 'destroy') origin.send(destroyCell(9));
        else origin.reset();
        await peer.expectNothingBefore();
        peer.send(plainCell(circId, CELL.created));
        await peer.expectCell({ kind: CELL.destroy, circId });
        await peer.expectNothingBefore();
      }
    });

    test('cells sent behind EXTEND wait for its outcome: forward when it was done, here when not', async () => {
      for (const works of [true, false]) {
        const { origin, router } = await asked();
        for (let i = 0; i < 20; i++) origin.say(9, i + 1, SAY.begin, '127.0.0.1:bad\0');
        const peer = await router.acceptOpen();
        const { circId } = await peer.expectCell({ kind: CELL.create });
        peer.send(plainCell(circId, works ? CELL.created : CELL.createFailed));
        await origin.expectSay(9, works ? SAY.extended : SAY.extendFailed, 0);
        for (let i = 0; i < 20; i++) {
          if (works) await peer.expectSay(circId, SAY.begin, i + 1);
          else await origin.expectSay(9, SAY.beginFailed, i + 1);
        }
      }
    });

    test('more cells than may wait end that circuit and no other', async () => {
      const { origin, router } = await asked();
      const peer = await router.acceptOpen();
      await peer.expectCell({ kind: CELL.create });
      await origin.create(11);
      for (let i = 0; i < 1000; i++) origin.say(9, 1, SAY.data, 'x');
      await origin.expectCell({ kind: CELL.destroy, circId: 9 });
      await scene.expectServing(origin, 11);
      await peer.expectNothingBefore();
    });

    test('after all that nothing is left', () => scene.expectReleased());
  });
}
