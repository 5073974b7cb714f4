import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Scene } from '../../support/raw-tor61-scene.js';
import { CELL, extendBody, SAY } from '../../support/raw-tor61-cells.js';
import { RawPeer } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };

/** Listens on a port with a queue of one and then never looks at it again: connecting goes unanswered. */
const DEAF = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

async function deafPort(): Promise<number> {
  const worker = new Worker(DEAF, { eval: true });
  after(() => worker.terminate());
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  // Fill the queue: from then on the kernel answers nobody.
  for (let i = 0; i < 4; i++) {
    const filler = await Promise.race([RawPeer.connect(port).catch(() => undefined), delay(100, undefined)]);
    if (filler === undefined) break;
    after(() => filler.close());
  }
  return port;
}

/** Waits are bounded by the relay's own deadlines, at every step where the other side may fall silent. */
describe('silence', LIMIT, async () => {
  const scene = await Scene.start({
    relay: { limits: { connectTimeoutMs: 500, exitConnectTimeoutMs: 500, extendTimeoutMs: 1500 } },
  });

  test('of a machine that does not answer a connection: EXTEND_FAILED, BEGIN_FAILED, an error', async () => {
    const port = await deafPort();
    const peer = await scene.created(1);
    peer.say(1, 0, SAY.extend, extendBody(port, 0x00670001));
    await peer.expectSay(1, SAY.extendFailed, 0);
    peer.say(1, 1, SAY.begin, `127.0.0.1:${port}\0`);
    await peer.expectSay(1, SAY.beginFailed, 1);
    await scene.expectServing(peer, 1);
    const record = { name: 'deaf', host: '127.0.0.1', port, agentId: 0x00670002 };
    await assert.rejects(scene.origin([record]).buildCircuit([record]), { code: 'ERR_KIST_CONNECT' });
  });

  test('of a router before OPENED: an origin has its error in time', async () => {
    const router = await scene.router();
    const building = scene.origin([router.record]).buildCircuit([router.record]);
    building.catch(() => undefined);
    const peer = await router.accept();
    await peer.expectCell({ kind: CELL.open });
    await assert.rejects(building, { code: 'ERR_KIST_TIMEOUT' });
    await peer.expectClosed();
  });

  test('of an origin that is closed while it waits: no attempt outlives it', async () => {
    const router = await scene.router();
    const origin = scene.origin([router.record]);
    origin.start();
    const peer = await router.accept();
    await peer.expectCell({ kind: CELL.open });
    const waiting = origin.connect({ host: 'a.example', port: 80 });
    waiting.catch(() => undefined);
    await origin.close();
    await assert.rejects(waiting, { code: 'ERR_KIST_CLOSED' });
    await peer.expectClosed();
  });

  test('a relay that is stopped in every state of a peer ends at once', async () => {
    const other = await Scene.start();
    const begun = await other.connect();
    const opened = await other.opened();
    const { origin, next } = await other.extended();
    const silent = await other.router();
    const extending = await other.created(5);
    extending.say(5, 0, SAY.extend, extendBody(silent.port, silent.agentId));
    const asked = await silent.accept();
    const since = performance.now();
    await other.relay.stop();
    assert.ok(performance.now() - since < 2500);
    for (const peer of [begun, opened, extending, asked, origin, next]) await peer.gone;
    // None of the peers closes its own side: that is waited for, but not for long.
    const isEmpty = (): boolean => Object.values(other.left()).every((count) => count === 0);
    await other.until('everything is released', isEmpty);
    await other.close();
  });

  test('after all that nothing is left', () => scene.expectReleased());
});
