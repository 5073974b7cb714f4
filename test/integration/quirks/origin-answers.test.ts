import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { OriginCircuit, OriginStream } from '../../../src/origin/index.js';
import { Scene } from '../../support/raw-tor61-scene.js';
import {
  CELL,
  destroyCell,
  longData,
  openCell,
  plainCell,
  SAY,
  sayCell,
} from '../../support/raw-tor61-cells.js';
import type { RawPeer, RawRouter } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };
const scene = await Scene.start();
const TIMES = { createTimeoutMs: 600, extendTimeoutMs: 600, streamTimeoutMs: 600 };

interface Built {
  circuit: OriginCircuit;
  peer: RawPeer;
  circId: number;
}

/** A circuit of one hop: the router by hand is its exit. */
async function built(): Promise<Built> {
  const router = await scene.router();
  const building = scene.origin([router.record], TIMES).buildCircuit([router.record]);
  const { peer, circId } = await router.acceptCircuit();
  return { circuit: await building, peer, circId };
}

/** A stream over it, connected. */
async function opened({ circuit, peer, circId }: Built): Promise<{ stream: OriginStream; streamId: number }> {
  const opening = circuit.openStream('web.example', 80);
  const { streamId, body } = await peer.expectSay(circId, SAY.begin);
  assert.equal(body.toString('latin1'), 'web.example:80\0', 'the NUL is sent and counted');
  peer.say(circId, streamId, SAY.connected);
  return { stream: await opening, streamId };
}

async function extending(router?: RawRouter): Promise<Built & { extended: Promise<void>; next: RawRouter }> {
  const next = router ?? (await scene.router());
  const made = await built();
  const extended = made.circuit.extend(next.record);
  extended.catch(() => undefined);
  const { body } = await made.peer.expectSay(made.circId, SAY.extend, 0);
  const wanted = Buffer.concat([Buffer.from(`127.0.0.1:${next.port}\0`), Buffer.alloc(4)]);
  wanted.writeUInt32BE(next.agentId, wanted.length - 4);
  assert.ok(body.equals(wanted), 'the ID in four bytes');
  return { ...made, extended, next };
}

/** Circuits of our own over hops of every habit: rows 2, 10 and 14, and the answers of the known ones. */
describe('an origin and the answers to it', LIMIT, () => {
  test('EXTENDED, EXTEND_FAILED, CONNECTED and BEGIN_FAILED with a body mean what they say', async () => {
    const made = await extending();
    const { circuit, peer, circId, extended, next } = made;
    peer.say(circId, 0, SAY.extendFailed, '127.0.0.1:1234\0abcd');
    await assert.rejects(extended, { code: 'ERR_KIST_EXTEND_REFUSED' });
    const again = circuit.extend(next.record);
    await peer.expectSay(circId, SAY.extend, 0);
    peer.say(circId, 0, SAY.extended, 'a body that nobody asked for');
    await again;
    const refused = circuit.openStream('a.example', 81);
    refused.catch(() => undefined);
    const first = await peer.expectSay(circId, SAY.begin);
    peer.say(circId, first.streamId, SAY.beginFailed, 'why not');
    await assert.rejects(refused, { code: 'ERR_KIST_STREAM_REFUSED' });
    const connected = circuit.openStream('a.example', 82);
    connected.catch(() => undefined);
    let second = await peer.next();
    // END of the refused stream is superfluous and harms nobody.
    if (second.says === SAY.end && second.streamId === first.streamId) second = await peer.next();
    assert.equal(second.says, SAY.begin);
    assert.notEqual(second.streamId, first.streamId, 'each try has a new stream ID');
    peer.say(circId, second.streamId, SAY.connected, 'welcome');
    const stream = await connected;
    peer.say(circId, second.streamId, SAY.data, 'bytes');
    assert.equal(String(((await once(stream, 'data')) as [Buffer])[0]), 'bytes', 'no body before it');
  });

  test('answers that nobody waits for change nothing', async () => {
    const made = await built();
    const { circuit, peer, circId } = made;
    peer.send(sayCell(circId, 0, SAY.extended), sayCell(circId, 0, SAY.extendFailed, 'x'));
    peer.send(
      sayCell(circId, 7, SAY.connected),
      sayCell(circId, 7, SAY.beginFailed),
      sayCell(circId, 7, SAY.end),
    );
    peer.send(
      sayCell(circId, 7, SAY.data, 'x'),
      sayCell(circId, 7, 99, 'x'),
      sayCell(circId, 0, SAY.begin, 'x:1\0'),
    );
    peer.send(plainCell(circId, CELL.created), plainCell(circId, CELL.createFailed), plainCell(circId, 99));
    const { stream } = await opened(made);
    assert.equal(circuit.path.length, 1);
    stream.destroy();
  });

  test('no answer to EXTEND in time closes the circuit: a late EXTENDED could be taken for another’s', async () => {
    const { circuit, peer, circId, extended } = await extending();
    await assert.rejects(extended, { code: 'ERR_KIST_TIMEOUT' });
    assert.ok(circuit.isClosed);
    await peer.expectCell({ kind: CELL.destroy, circId });
    peer.say(circId, 0, SAY.extended);
    await peer.expectNothingBefore();
  });

  test('no answer to CREATE in time: an error, and no DESTROY for what was never created', async () => {
    const router = await scene.router();
    const building = scene.origin([router.record], TIMES).buildCircuit([router.record]);
    building.catch(() => undefined);
    const peer = await router.acceptOpen();
    const { circId } = await peer.expectCell({ kind: CELL.create });
    await assert.rejects(building, { code: 'ERR_KIST_TIMEOUT' });
    await peer.expectNothingBefore();
    peer.send(plainCell(circId, CELL.created));
    await peer.expectCell({ kind: CELL.destroy, circId });
  });

  test('a refused OPEN, a refused CREATE and a DESTROY in answer to it are errors that say so', async () => {
    for (const [step, code] of [
      ['OPEN', 'ERR_KIST_OPEN_REFUSED'],
      ['CREATE', 'ERR_KIST_CREATE_REFUSED'],
      ['DESTROY', 'ERR_KIST_CREATE_REFUSED'],
    ] as const) {
      const router = await scene.router();
      const building = scene.origin([router.record], TIMES).buildCircuit([router.record]);
      building.catch(() => undefined);
      const peer = await router.accept();
      const { openerId, openedId } = await peer.expectCell({ kind: CELL.open });
      peer.send(openCell(step === 'OPEN' ? CELL.openFailed : CELL.opened, openedId, openerId));
      if (step !== 'OPEN') {
        const { circId } = await peer.expectCell({ kind: CELL.create });
        peer.send(plainCell(circId, step === 'CREATE' ? CELL.createFailed : CELL.destroy));
      }
      await assert.rejects(building, { code });
    }
  });

  test('BEGIN without an answer is an error in time; a late CONNECTED and its DATA are dropped', async () => {
    const made = await built();
    const { circuit, peer, circId } = made;
    const opening = circuit.openStream('slow.example', 80);
    opening.catch(() => undefined);
    const { streamId } = await peer.expectSay(circId, SAY.begin);
    await assert.rejects(opening, { code: 'ERR_KIST_TIMEOUT' });
    await peer.expectSay(circId, SAY.end, streamId);
    peer.send(sayCell(circId, streamId, SAY.connected), sayCell(circId, streamId, SAY.data, 'x'));
    peer.say(circId, streamId, SAY.end);
    const { stream } = await opened(made);
    stream.destroy();
  });

  test('END in place of an answer to BEGIN is a refusal', async () => {
    const { circuit, peer, circId } = await built();
    const opening = circuit.openStream('no.example', 80);
    opening.catch(() => undefined);
    const { streamId } = await peer.expectSay(circId, SAY.begin);
    peer.say(circId, streamId, SAY.end);
    await assert.rejects(opening, { code: 'ERR_KIST_STREAM_REFUSED' });
    assert.ok(!circuit.isClosed);
  });

  test('CONNECTED twice, END twice and DATA after END: one stream that ended once', async () => {
    const made = await built();
    const { stream, streamId } = await opened(made);
    const { peer, circId } = made;
    const chunks: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => chunks.push(bytes));
    let ends = 0;
    stream.on('end', () => ends++);
    peer.send(sayCell(circId, streamId, SAY.connected), sayCell(circId, streamId, SAY.data, 'all of it'));
    peer.send(sayCell(circId, streamId, SAY.end), sayCell(circId, streamId, SAY.data, 'more'));
    peer.send(sayCell(circId, streamId, SAY.end), sayCell(circId, streamId, SAY.connected));
    await once(stream, 'end');
    stream.end();
    await peer.expectSay(circId, SAY.end, streamId);
    peer.send(sayCell(circId, streamId, SAY.end), sayCell(circId, streamId, SAY.data, 'and more'));
    const { stream: next } = await opened(made);
    assert.equal(Buffer.concat(chunks).toString(), 'all of it');
    assert.equal(ends, 1);
    next.destroy();
  });

  test('DATA of 3140 bytes in seven blocks, whole and in pieces, gives its bytes and no cells', async () => {
    const made = await built();
    const { stream, streamId } = await opened(made);
    const { peer, circId } = made;
    const body = Buffer.concat(Array.from({ length: 7 }, () => destroyCell(circId))).subarray(0, 3140);
    const received: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => received.push(bytes));
    peer.send(longData(circId, streamId, body));
    await peer.sendPieces(longData(circId, streamId, body), 700);
    peer.say(circId, streamId, SAY.end);
    await once(stream, 'end');
    assert.ok(Buffer.concat(received).equals(Buffer.concat([body, body])));
    assert.ok(!made.circuit.isClosed);
  });

  test('DESTROY, a lost connection and damaged cells: streams in progress get a clean error', async () => {
    for (const how of ['destroy', 'loss', 'damage'] as const) {
      const made = await built();
      const { stream } = await opened(made);
      const { circuit, peer, circId } = made;
      const waiting = circuit.openStream('b.example', 80);
      waiting.catch(() => undefined);
      await peer.expectSay(circId, SAY.begin);
      const failed = once(stream, 'error');
      if (how === 'destroy') peer.send(destroyCell(circId));
      else if (how === 'loss') peer.reset();
      else peer.send(sayCell(circId, 1, SAY.connected).fill(0xff, 11, 13));
      const [error] = (await failed) as [Error & { code: string }];
      assert.equal(error.code, 'ERR_KIST_CIRCUIT_CLOSED', how);
      await assert.rejects(waiting, { code: 'ERR_KIST_CIRCUIT_CLOSED' });
      assert.ok(circuit.isClosed);
      if (how === 'destroy') await peer.expectNothingBefore();
    }
  });

  test('an answer whose END and DESTROY come in one segment with it is whole', async () => {
    for (let i = 0; i < 10; i++) {
      const made = await built();
      const { stream, streamId } = await opened(made);
      const { peer, circId } = made;
      const received: Buffer[] = [];
      stream.on('data', (bytes: Buffer) => received.push(bytes));
      const failed = once(stream, 'error');
      const bytes = [sayCell(circId, streamId, SAY.data, 'all'), sayCell(circId, streamId, SAY.end)];
      peer.send(...bytes, destroyCell(circId));
      await failed;
      assert.equal(Buffer.concat(received).toString(), 'all');
    }
  });

  test('no DATA leaves before CONNECTED, and none is longer than 498 bytes', async () => {
    const made = await built();
    const { stream, streamId } = await opened(made);
    const sent = Buffer.alloc(20_000, 'upload');
    stream.end(sent);
    const got = await made.peer.expectData(made.circId, streamId, sent.length);
    assert.ok(got.equals(sent));
    await made.peer.expectSay(made.circId, SAY.end, streamId);
  });

  test('a pause between the steps of building where it is asked for', async () => {
    const router = await scene.router();
    const building = scene
      .origin([router.record], { ...TIMES, hopDelayMs: 300 })
      .buildCircuit([router.record, router.record]);
    const { peer, circId } = await router.acceptCircuit();
    const since = performance.now();
    await peer.expectSay(circId, SAY.extend, 0);
    assert.ok(performance.now() - since > 250);
    peer.say(circId, 0, SAY.extended);
    assert.equal((await building).path.length, 2);
  });

  test('after all that nothing is left', () => scene.expectReleased());
});
