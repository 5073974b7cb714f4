import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InitiatorHandshake } from '../../../src/dialect/tor/initiator-handshake.js';
import { COMMAND, encodeFixedCell, encodeVariableCell, payloadOf } from '../../../src/dialect/tor/cells.js';
import {
  encodeAuthChallenge,
  encodeNetinfo,
  encodeVersions,
  parseCerts,
  parseNetinfo,
} from '../../../src/dialect/tor/link-cells.js';
import { TorLinkDialect } from '../../../src/dialect/tor/tor-link-dialect.js';
import { makeTlsCredentials, TestIdentity } from '../../support/tor-link-identity.js';
import { asIs, FakeTls, FixedClock, LinkEnd, makeLink, NOW, RESPONDER_ADDRESS, run } from './link-rig.js';
import type { Change, Link } from './link-rig.js';

function without(...commands: number[]): Change {
  return (cell) => (commands.includes(cell.command) ? [] : [cell]);
}

function closedBecause(end: LinkEnd, message: RegExp, code = 'ERR_KIST_LINK_HANDSHAKE'): void {
  assert.equal(end.last?.outcome, 'close');
  assert.match(end.last?.error?.message ?? '', message);
  assert.equal(end.last?.error?.code, code);
}

function commandsOf(end: LinkEnd): number[] {
  return end.sent.map(({ command }) => command);
}

/** A link whose initiator has no identity. */
function clientLink(): Link {
  const { ids, responder, tls } = makeLink();
  const random = (length: number): Buffer => Buffer.alloc(length);
  const init = {
    peerAddress: RESPONDER_ADDRESS,
    ownAddresses: ['192.0.2.1'],
    clock: new FixedClock(),
    random,
  };
  const handshake = new InitiatorHandshake(undefined, { rsaFingerprint: ids[1].rsaFingerprint }, init);
  return { initiator: new LinkEnd(handshake, tls), responder, tls };
}

test('it begins with VERSIONS of 4 and 5, and says no more until the responder has proved its identity', () => {
  const link = makeLink();
  const [versions] = link.initiator.start();
  assert.equal(versions?.bytes.toString('hex'), '000007000400040005');
  assert.equal(link.initiator.handshake.isInitiator, true);
  const bare = makeLink();
  run(bare, asIs, without(COMMAND.certs, COMMAND.authChallenge, COMMAND.netinfo));
  assert.deepEqual(commandsOf(bare.initiator), [COMMAND.versions]);
});

test('it answers AUTH_CHALLENGE with CERTS, AUTHENTICATE and NETINFO', () => {
  const link = makeLink();
  run(link);
  const commands = [COMMAND.versions, COMMAND.certs, COMMAND.authenticate, COMMAND.netinfo];
  assert.deepEqual(commandsOf(link.initiator), commands);
  const [, certs, , netinfo] = link.initiator.sent;
  assert.ok(certs !== undefined && netinfo !== undefined);
  assert.deepEqual([...parseCerts(payloadOf(certs.bytes, COMMAND.certs)).keys()], [2, 4, 6, 7]);
  const told = parseNetinfo(payloadOf(netinfo.bytes, COMMAND.netinfo));
  assert.deepEqual([told.timestamp, told.ownAddresses], [NOW, [Buffer.from([192, 0, 2, 1])]]);
  assert.equal(link.initiator.last?.outcome, 'open');
  assert.equal(link.initiator.handshake.details?.observedOwnAddress, '192.0.2.1');
});

test('a peer of another RSA or Ed25519 identity is refused, in words that name both', () => {
  const link = makeLink({ expected: { peerId: 'A'.repeat(40) } });
  const [, responder] = link.ids;
  run(link);
  const names = new RegExp(`RSA identity A{40}.*RSA identity ${responder.rsaFingerprint}`);
  closedBecause(link.initiator, names, 'ERR_KIST_WRONG_IDENTITY');
  assert.match(link.initiator.last?.error?.message ?? '', /^\[2001:db8::2\]:9001 /);
  assert.deepEqual(commandsOf(link.initiator), [COMMAND.versions]);
  const other = makeLink({ expected: { ed25519Identity: Buffer.alloc(32) } });
  run(other);
  const base64 = responder.ed25519Identity.toString('base64').slice(0, 43);
  const message = other.initiator.last?.error?.message ?? '';
  assert.ok(message.includes('A'.repeat(43)) && message.includes(base64), message);
});

test('a target without known identities may be anybody', () => {
  const link = makeLink();
  const dialect = new TorLinkDialect({ identity: link.ids[0], clock: new FixedClock() });
  const target = { host: '::1', port: 1, peerId: '' };
  const initiator = new LinkEnd(dialect.openerHandshake('', target, RESPONDER_ADDRESS), link.tls);
  run({ ...link, initiator });
  assert.equal(initiator.last?.peerId, link.ids[1].rsaFingerprint);
  assert.throws(() => dialect.openerHandshake('', { ...target, peerId: 5 }, RESPONDER_ADDRESS), TypeError);
});

test('certificates of another TLS connection are refused', () => {
  const link = makeLink();
  const tls = new FakeTls(makeTlsCredentials(NOW).certificate);
  const initiator = new LinkEnd(link.initiator.handshake, tls);
  run({ ...link, initiator });
  closedBecause(initiator, /another TLS certificate than that of this link/, 'ERR_KIST_CERTIFICATE');
});

test('a responder with bad certificates is refused', () => {
  const old = makeLink({ responder: new TestIdentity(NOW, { expiresAt: NOW - 86_400 }) });
  run(old);
  closedBecause(old.initiator, /expired/, 'ERR_KIST_CERTIFICATE');
  const big = makeLink({ responder: new TestIdentity(NOW, { rsaBits: 2048 }) });
  run(big);
  closedBecause(big.initiator, /not RSA of 1024 bits/, 'ERR_KIST_CERTIFICATE');
  assert.deepEqual(commandsOf(big.initiator), [COMMAND.versions]);
});

test('a link without secrets or without a certificate of the peer closes', () => {
  const link = makeLink();
  const none = new Uint8Array(0);
  link.tls.secrets = (isInitiator) => {
    const own = isInitiator ? none : link.tls.certificate;
    return { exported: Buffer.alloc(32), ownCertificate: own, peerCertificate: none };
  };
  run(link);
  closedBecause(link.initiator, /no TLS certificate of the peer/);
});

test('without AUTH_CHALLENGE, or without a method that we know in it, NETINFO alone is the answer', () => {
  const silent = makeLink();
  run(silent, asIs, without(COMMAND.authChallenge));
  assert.deepEqual(commandsOf(silent.initiator), [COMMAND.versions, COMMAND.netinfo]);
  assert.equal(silent.initiator.last?.outcome, 'open');
  assert.equal(silent.responder.last?.peerId, '');
  const old = makeLink();
  const challenge = encodeAuthChallenge({ challenge: Buffer.alloc(32), methods: [1, 2] });
  run(old, asIs, (cell) =>
    cell.command === COMMAND.authChallenge ? [{ ...cell, bytes: challenge }] : [cell],
  );
  assert.deepEqual(commandsOf(old.initiator), [COMMAND.versions, COMMAND.netinfo]);
  assert.equal(old.responder.last?.peerId, '');
});

test('a client proves nothing, tells no time and no address, and sends NETINFO once', () => {
  const link = clientLink();
  run(link);
  assert.deepEqual(commandsOf(link.initiator), [COMMAND.versions, COMMAND.netinfo]);
  const told = parseNetinfo(payloadOf(link.initiator.sent[1]?.bytes ?? Buffer.alloc(0), COMMAND.netinfo));
  assert.deepEqual([told.timestamp, told.ownAddresses], [0, []]);
  assert.equal(link.initiator.last?.outcome, 'open');
  assert.equal(link.responder.last?.peerId, '');
  assert.equal(link.responder.handshake.details?.clockSkewSeconds, undefined);
});

test('padding may come at any time', () => {
  const link = clientLink();
  const padding = {
    command: COMMAND.vpadding,
    circId: 0,
    bytes: encodeVariableCell(COMMAND.vpadding, Buffer.alloc(3)),
  };
  const fixed = {
    command: COMMAND.padding,
    circId: 0,
    bytes: encodeFixedCell(COMMAND.padding, 0, Buffer.alloc(0)),
  };
  run(link, asIs, (cell) =>
    cell.command === COMMAND.versions ? [padding, cell, fixed] : [fixed, padding, cell],
  );
  assert.equal(link.initiator.last?.outcome, 'open');
});

test('cells out of turn close', () => {
  const versions = { command: COMMAND.versions, circId: 0, bytes: encodeVersions([4]) };
  const netinfo = encodeNetinfo({ timestamp: 0, otherAddress: undefined, ownAddresses: [] });
  const challenge = encodeAuthChallenge({ challenge: Buffer.alloc(32), methods: [3] });
  const cases: [number, Buffer, RegExp][] = [
    [COMMAND.netinfo, netinfo, /NETINFO came before CERTS/],
    [COMMAND.authChallenge, challenge, /AUTH_CHALLENGE came before CERTS/],
    [COMMAND.createFast, encodeFixedCell(COMMAND.createFast, 1, Buffer.alloc(20)), /CREATE_FAST came/],
    [COMMAND.authenticate, encodeVariableCell(COMMAND.authenticate, Buffer.alloc(400)), /AUTHENTICATE came/],
  ];
  for (const [command, bytes, message] of cases) {
    const { initiator } = makeLink();
    initiator.start();
    initiator.receive(versions);
    initiator.receive({ command, circId: 0, bytes });
    closedBecause(initiator, message);
  }
  const { initiator } = makeLink();
  initiator.receive({ command: COMMAND.netinfo, circId: 0, bytes: netinfo });
  closedBecause(initiator, /NETINFO came before VERSIONS/);
});

test('CERTS and AUTH_CHALLENGE may come once, and on no circuit', () => {
  for (const command of [COMMAND.certs, COMMAND.authChallenge]) {
    const twice = makeLink();
    run(twice, asIs, (cell) => (cell.command === command ? [cell, cell] : [cell]));
    closedBecause(twice.initiator, /came out of turn/);
    const onCircuit = makeLink();
    run(onCircuit, asIs, (cell) => [cell.command === command ? { ...cell, circId: 9 } : cell]);
    closedBecause(onCircuit.initiator, /has the circuit ID 9/);
  }
});

test('no version in common, and VERSIONS of an odd length, close', () => {
  const { initiator } = makeLink();
  initiator.receive({ command: COMMAND.versions, circId: 0, bytes: encodeVersions([3]) });
  closedBecause(initiator, /no link protocol version in common/);
  const odd = makeLink().initiator;
  const bytes = encodeVariableCell(COMMAND.versions, Buffer.alloc(3));
  odd.receive({ command: COMMAND.versions, circId: 0, bytes });
  closedBecause(odd, /odd length/, 'ERR_KIST_MALFORMED');
});

test('a cell that comes while the TLS secrets are awaited closes', () => {
  const { handshake } = makeLink().initiator;
  handshake.receive(COMMAND.versions, 0, encodeVersions([5]));
  const body = Buffer.from([0]);
  assert.ok(handshake.receive(COMMAND.certs, 0, encodeVariableCell(COMMAND.certs, body)).exportContext);
  const step = handshake.receive(COMMAND.netinfo, 0, encodeFixedCell(COMMAND.netinfo, 0, body));
  assert.match(step.error?.message ?? '', /while the last cell was being worked on/);
});
