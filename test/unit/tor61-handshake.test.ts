import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialectNamed } from '../../src/dialect/index.js';
import type { LinkHandshake, LinkStep } from '../../src/dialect/index.js';
import { encodeLinkCell, parseLinkCell } from '../../src/dialect/tor61/cells.js';

const SELF = 0x00010001;
const PEER = 0x00020001;
const STRANGER = 0x00990009;
const [CREATE, OPEN, OPENED, OPEN_FAILED] = [1, 5, 6, 7];
const tor61 = dialectNamed('tor61');

function receive(
  handshake: LinkHandshake,
  command: number,
  openerId: number,
  openedId: number,
  circId = 0,
): LinkStep {
  return handshake.receive(command, circId, encodeLinkCell({ command, circId, openerId, openedId }));
}

function sent(step: LinkStep): object {
  assert.ok(step.send !== undefined);
  assert.equal(step.send.length, 512);
  return parseLinkCell(step.send);
}

const ADDRESS = '127.0.0.1:46200';
const opener = (selfId: number, peerId: number): LinkHandshake =>
  tor61.openerHandshake(selfId, { host: '127.0.0.1', port: 46200, peerId }, ADDRESS);
const acceptor = (selfId: number): LinkHandshake => tor61.acceptorHandshake(selfId, ADDRESS);

test('an unknown dialect is refused by name', () => {
  assert.throws(() => dialectNamed('tor62'), {
    name: 'TypeError',
    message: /dialect must be one of tor61, got "tor62"/,
  });
});

test('the opener sends OPEN at once, alone, and chooses odd circuit IDs', () => {
  const handshake = opener(SELF, PEER);
  const step = handshake.start();
  assert.deepEqual(sent(step), { command: OPEN, circId: 0, openerId: SELF, openedId: PEER });
  assert.equal(step.outcome, undefined);
  assert.equal(handshake.isInitiator, true);
  assert.equal(acceptor(SELF).isInitiator, false);
});

test('OPENED opens, whatever its circuit ID, with the IDs as sent, swapped or half wrong', () => {
  const ids: [number, number][] = [
    [SELF, PEER],
    [PEER, SELF],
    [SELF, STRANGER],
    [0, PEER],
  ];
  for (const [openerId, openedId] of ids) {
    const step = receive(opener(SELF, PEER), OPENED, openerId, openedId, 77);
    assert.deepEqual([step.outcome, step.peerId, step.send], ['open', PEER, undefined]);
  }
});

test('OPENED in the name of two others closes', () => {
  const step = receive(opener(SELF, PEER), OPENED, STRANGER, STRANGER);
  assert.equal(step.outcome, 'close');
  assert.equal(step.error?.code, 'ERR_KIST_OPEN_REFUSED');
});

test('OPEN_FAILED is a refusal, unless OPENED follows', () => {
  const handshake = opener(SELF, PEER);
  handshake.start();
  const refused = receive(handshake, OPEN_FAILED, PEER, SELF);
  assert.equal(refused.outcome, undefined);
  assert.equal(refused.error?.code, 'ERR_KIST_OPEN_REFUSED');
  assert.ok((refused.graceMs ?? 0) > 0 && (refused.graceMs ?? 0) <= 1000);
  assert.equal(receive(handshake, OPENED, SELF, PEER).outcome, 'open');
});

test('the opener closes when a CREATE comes instead of OPENED', () => {
  assert.equal(receive(opener(SELF, PEER), CREATE, 0, 0).outcome, 'close');
});

test('the acceptor answers OPEN with OPENED: the same IDs, the same circuit ID', () => {
  const handshake = acceptor(SELF);
  assert.deepEqual(handshake.start(), {});
  const step = receive(handshake, OPEN, PEER, SELF, 300);
  assert.deepEqual(sent(step), { command: OPENED, circId: 300, openerId: PEER, openedId: SELF });
  assert.deepEqual([step.outcome, step.peerId], ['open', PEER]);
});

test('agent IDs from 2^31 up are unsigned, and a router may open a channel to itself', () => {
  const self = 0xdeadbeef;
  const step = receive(acceptor(self), OPEN, self, self);
  assert.equal(step.peerId, self);
  assert.deepEqual(sent(step), { command: OPENED, circId: 0, openerId: self, openedId: self });
});

test('OPEN for another is answered OPEN_FAILED with the IDs as they came, then closed', () => {
  const step = receive(acceptor(SELF), OPEN, PEER, STRANGER, 9);
  assert.deepEqual(sent(step), { command: OPEN_FAILED, circId: 9, openerId: PEER, openedId: STRANGER });
  assert.equal(step.outcome, 'close');
});

test('a first cell that is not OPEN is answered by nothing but the end', () => {
  for (const command of [CREATE, OPENED, OPEN_FAILED, 3, 99]) {
    const step = receive(acceptor(SELF), command, PEER, SELF);
    assert.deepEqual([step.outcome, step.send], ['close', undefined], `command ${command}`);
  }
});

test('OPEN on an open channel is answered OPENED again, on either side; other link cells are dropped', () => {
  const accepting = acceptor(SELF);
  receive(accepting, OPEN, PEER, SELF);
  const opening = opener(SELF, PEER);
  receive(opening, OPENED, SELF, PEER);
  for (const handshake of [accepting, opening]) {
    const again = receive(handshake, OPEN, PEER, SELF);
    assert.deepEqual(sent(again), { command: OPENED, circId: 0, openerId: PEER, openedId: SELF });
    assert.equal(again.outcome, undefined);
    assert.deepEqual(receive(handshake, OPENED, PEER, SELF), {});
    assert.deepEqual(receive(handshake, OPEN_FAILED, PEER, SELF), {});
  }
});
