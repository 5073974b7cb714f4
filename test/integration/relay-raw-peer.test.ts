import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { encodeExtend } from '../../src/dialect/tor61/relay-messages.js';
import {
  cell,
  CREATE,
  CREATED,
  CREATE_FAILED,
  DESTROY,
  rawAgent,
  RawPeer,
  relayCell,
} from '../support/raw-peer.js';
import { RelayNetwork } from '../support/relay-network.js';

import {
  BEGIN,
  BEGIN_FAILED,
  CONNECTED,
  END,
  EXTEND,
  EXTENDED,
  EXTEND_FAILED,
  linkCell,
  OPEN,
  OPENED,
  OPEN_FAILED,
} from '../support/relay-rig.js';

const DATA = 2;
const ME = 0x00570001;
const NEXT = 0xfffe003a;

/** One relay, and an agent by hand that speaks raw cells to it, as the known agents do. */
describe('a running relay and a peer that speaks raw Tor61', { timeout: 60_000 }, () => {
  let network: RelayNetwork;
  let port: number;
  let relayId: number;
  let webPort: number;
  const peers: RawPeer[] = [];

  before(async () => {
    network = await RelayNetwork.start(1, {}, { limits: { openTimeoutMs: 700, extendTimeoutMs: 1500 } });
    port = network.relays[0]?.port ?? 0;
    relayId = network.relays[0]?.agentId ?? 0;
    webPort = await network.server((socket) => socket.pipe(socket));
  });

  after(async () => {
    for (const peer of peers) peer.close();
    await network.close();
  });

  async function connected(): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peers.push(peer);
    return peer;
  }

  async function opened(selfId = ME): Promise<RawPeer> {
    const peer = await RawPeer.open(port, selfId, relayId);
    peers.push(peer);
    return peer;
  }

  async function created(circId: number): Promise<RawPeer> {
    const peer = await opened();
    peer.write(cell(circId, CREATE));
    const answer = await peer.read();
    assert.deepEqual([answer?.command, answer?.circId], [CREATED, circId]);
    return peer;
  }

  test('OPEN in single bytes, and OPEN with CREATE in one segment', async () => {
    const slow = await connected();
    for (const byte of linkCell(OPEN, ME, relayId, 5)) slow.write(Buffer.from([byte]));
    const answer = await slow.read();
    assert.deepEqual(answer?.bytes, linkCell(OPENED, ME, relayId, 5));
    const fast = await connected();
    fast.write(linkCell(OPEN, ME, relayId), cell(1, CREATE));
    assert.equal((await fast.read())?.command, OPENED);
    assert.equal((await fast.read())?.command, CREATED);
  });

  test('OPEN for another: OPEN_FAILED with the IDs as sent, and the end', async () => {
    const peer = await connected();
    peer.write(linkCell(OPEN, ME, 0x00990099));
    assert.deepEqual((await peer.read())?.bytes, linkCell(OPEN_FAILED, ME, 0x00990099));
    await peer.ended();
  });

  test('a first cell that is not OPEN, and no cell at all: closed without a word', async () => {
    for (const first of [cell(1, CREATE), cell(0, 99), relayCell(1, 1, DATA, 'x')]) {
      const peer = await connected();
      peer.write(first);
      assert.equal(await peer.read(), undefined);
    }
    const silent = await connected();
    await silent.ended(3000);
    (await connected()).close();
  });

  test('OPEN again before each CREATE is answered OPENED again', async () => {
    const peer = await created(1);
    peer.write(linkCell(OPEN, ME, relayId), cell(3, CREATE));
    assert.equal((await peer.read())?.command, OPENED);
    const answer = await peer.read();
    assert.deepEqual([answer?.command, answer?.circId], [CREATED, 3]);
  });

  test('several connections of one agent, and one in the own name, each work by themselves', async () => {
    const agents = await Promise.all([opened(), opened(), opened(relayId), opened(0xffffffff)]);
    for (const peer of agents) {
      peer.write(cell(7, CREATE));
      const answer = await peer.read();
      assert.deepEqual([answer?.command, answer?.circId], [CREATED, 7]);
    }
  });

  test('every circuit ID of any parity is created; one in use is CREATE_FAILED; after DESTROY it is free', async () => {
    const peer = await created(1);
    for (const circId of [0, 2, 32769, 65535]) {
      peer.write(cell(circId, CREATE));
      const answer = await peer.read();
      assert.deepEqual([answer?.command, answer?.circId], [CREATED, circId]);
    }
    peer.write(cell(1, CREATE));
    assert.equal((await peer.read())?.command, CREATE_FAILED);
    peer.write(cell(1, DESTROY), cell(1, CREATE));
    assert.equal((await peer.read())?.command, CREATED);
  });

  test('unknown commands, and cells and DESTROYs of unknown circuits, disturb nothing', async () => {
    const peer = await created(1);
    peer.write(cell(1, 0), cell(1, 200), cell(9, DESTROY), relayCell(9, 1, DATA, 'x'), cell(9, CREATED));
    peer.write(relayCell(1, 1, 99, 'what'), relayCell(1, 5, DATA, 'no such stream'), relayCell(1, 5, END));
    peer.write(cell(3, CREATE));
    const answer = await peer.read();
    assert.deepEqual([answer?.command, answer?.circId], [CREATED, 3]);
  });

  test('BEGIN with and without the NUL, on streams 0 and 65535: CONNECTED, bytes, END both ways', async () => {
    const peer = await created(1);
    for (const [streamId, body] of [
      [0, `127.0.0.1:${webPort}\0`],
      [65535, `localhost:${webPort}`],
    ] as const) {
      peer.write(relayCell(1, streamId, BEGIN, body));
      const up = await peer.read();
      assert.deepEqual([up?.relayCommand, up?.streamId], [CONNECTED, streamId]);
      peer.write(relayCell(1, streamId, DATA, 'hello'), relayCell(1, streamId, END));
      const data = await peer.read();
      assert.deepEqual([data?.relayCommand, data?.body.toString()], [DATA, 'hello']);
      const end = await peer.read();
      assert.deepEqual([end?.relayCommand, end?.streamId], [END, streamId]);
      peer.write(relayCell(1, streamId, DATA, 'late'), relayCell(1, streamId, END));
    }
  });

  test('BEGIN to a closed port, and on a stream in use: BEGIN_FAILED; the stream in use goes on', async () => {
    const peer = await created(1);
    peer.write(relayCell(1, 4, BEGIN, '127.0.0.1:1\0'));
    const refused = await peer.read();
    assert.deepEqual([refused?.relayCommand, refused?.streamId], [BEGIN_FAILED, 4]);
    peer.write(relayCell(1, 5, BEGIN, `127.0.0.1:${webPort}\0`));
    assert.equal((await peer.read())?.relayCommand, CONNECTED);
    peer.write(relayCell(1, 5, BEGIN, `127.0.0.1:${webPort}\0`));
    assert.equal((await peer.read())?.relayCommand, BEGIN_FAILED);
    peer.write(relayCell(1, 5, DATA, 'on'));
    assert.equal((await peer.read())?.body.toString(), 'on');
  });

  test('EXTEND that cannot be done is EXTEND_FAILED, and BEGIN works afterwards', async () => {
    const peer = await created(1);
    const closed = encodeExtend({ host: '127.0.0.1', port: 1, agentId: NEXT });
    for (const body of [closed, Buffer.from('nonsense'), Buffer.alloc(0)]) {
      peer.write(relayCell(1, 0, EXTEND, body));
      assert.equal((await peer.read())?.relayCommand, EXTEND_FAILED);
    }
    peer.write(relayCell(1, 1, BEGIN, `127.0.0.1:${webPort}\0`));
    assert.equal((await peer.read())?.relayCommand, CONNECTED);
  });

  test('a next hop that never answers OPEN, never answers CREATE, or refuses it: EXTEND_FAILED', async () => {
    for (const answers of [[], [OPENED], [OPENED, CREATE_FAILED]]) {
      const agent = await rawAgent((next) => void answerAs(next, answers));
      const peer = await created(1);
      const body = encodeExtend({ host: '127.0.0.1', port: agent.port, agentId: NEXT + answers.length });
      peer.write(relayCell(1, 0, EXTEND, body));
      const answer = await peer.read();
      assert.equal(answer?.relayCommand, EXTEND_FAILED);
      agent.close();
    }
  });

  test('through a middle hop relay cells pass unread but for the circuit ID; DESTROY passes from either side', async () => {
    for (const [form, agentId, from] of [
      ['digits', 0x00610001, 'origin'],
      ['bytes', 0x00610002, 'next'],
    ] as const) {
      let next: RawPeer | undefined;
      const agent = await rawAgent((peer) => {
        next = peer;
        void answerAs(peer, [OPENED, CREATED]);
      });
      const peer = await created(9);
      const target = { host: '127.0.0.1', port: agent.port, agentId };
      const digits = Buffer.from(`/127.0.0.1:${agent.port}\0${agentId}`, 'latin1');
      peer.write(relayCell(9, 0, EXTEND, form === 'digits' ? digits : encodeExtend(target)));
      assert.equal((await peer.read())?.relayCommand, EXTENDED);
      assert.ok(next !== undefined);
      const odd = relayCell(9, 3, 77, 'odd one');
      odd.fill(0xab, 5, 11).fill(0xcd, 100);
      peer.write(odd);
      const passed = await next.read();
      assert.ok(passed !== undefined);
      assert.deepEqual(passed.bytes.subarray(2), odd.subarray(2));
      next.write(relayCell(passed.circId, 3, 78, 'back'));
      assert.equal((await peer.read())?.relayCommand, 78);
      const [sender, receiver, circId] = from === 'origin' ? [peer, next, 9] : [next, peer, passed.circId];
      sender.write(cell(circId, DESTROY));
      assert.equal((await receiver.read())?.command, DESTROY);
      agent.close();
    }
  });

  test('a next hop that vanishes after EXTENDED: DESTROY to the origin', async () => {
    let next: RawPeer | undefined;
    const agent = await rawAgent((peer) => {
      next = peer;
      void answerAs(peer, [OPENED, CREATED]);
    });
    const peer = await created(9);
    peer.write(
      relayCell(9, 0, EXTEND, encodeExtend({ host: '127.0.0.1', port: agent.port, agentId: 0x00620001 })),
    );
    assert.equal((await peer.read())?.relayCommand, EXTENDED);
    next?.close();
    const answer = await peer.read();
    assert.deepEqual([answer?.command, answer?.circId], [DESTROY, 9]);
    agent.close();
  });

  test('a body length over 498 never makes cells of what follows; other circuits of the relay live on', async () => {
    const bystander = await created(1);
    const peer = await created(1);
    peer.write(relayCell(1, 1, BEGIN, `127.0.0.1:${webPort}\0`));
    assert.equal((await peer.read())?.relayCommand, CONNECTED);
    peer.write(relayCell(1, 1, DATA, 'x'.repeat(498), 1500), cell(1, DESTROY), cell(1, DESTROY));
    await peer.read();
    bystander.write(relayCell(1, 1, BEGIN, `127.0.0.1:${webPort}\0`));
    assert.equal((await bystander.read())?.relayCommand, CONNECTED);
  });

  /** Answers each cell that comes with the next of these commands, then falls silent. */
  async function answerAs(peer: RawPeer, answers: readonly number[]): Promise<void> {
    for (const command of answers) {
      const asked = await peer.read().catch(() => undefined);
      if (asked === undefined) return;
      const bytes = Buffer.from(asked.bytes);
      bytes.writeUInt8(command, 2);
      peer.write(bytes);
    }
  }
});
