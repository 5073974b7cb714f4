import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMAND, encodeFixedCell, encodeVariableCell, payloadOf } from '../../../src/dialect/tor/cells.js';
import {
  encodeCerts,
  encodeNetinfo,
  encodePaddingNegotiate,
  encodeVersions,
  parseAuthChallenge,
  parseCerts,
  parseNetinfo,
  parseVersions,
} from '../../../src/dialect/tor/link-cells.js';
import { sha256 } from '../../../src/dialect/tor/authenticate.js';
import { TestIdentity } from '../../support/tor-link-identity.js';
import { FakeTls, makeLink, NOW, run } from './link-rig.js';
import type { Change, LinkEnd, RawCell } from './link-rig.js';

const DAY = 86_400;
const NETINFO = encodeNetinfo({ timestamp: 0, otherAddress: Buffer.from([1, 2, 3, 4]), ownAddresses: [] });

/** A cell of ours, which tells its command itself: VERSIONS by its short circuit ID. */
function cell(bytes: Buffer, circId = 0): RawCell {
  const isVersions = bytes.readUInt16BE(0) === 0 && bytes[2] === COMMAND.versions;
  return { command: bytes.readUInt8(isVersions ? 2 : 4), circId, bytes };
}

const VERSIONS = cell(encodeVersions([3, 4, 5]));
const VPADDING = cell(encodeVariableCell(COMMAND.vpadding, Buffer.alloc(9)));

function closedBecause(end: LinkEnd, message: RegExp, code = 'ERR_KIST_LINK_HANDSHAKE'): void {
  assert.equal(end.last?.outcome, 'close');
  assert.match(end.last?.error?.message ?? '', message);
  assert.equal(end.last?.error?.code, code);
}

/** The responder alone, up to when it has introduced itself. */
function introduced(): ReturnType<typeof makeLink> {
  const link = makeLink();
  link.responder.start();
  link.responder.receive(VERSIONS);
  return link;
}

/** Changes the one cell of that command. */
function changing(command: number, change: (bytes: Buffer) => unknown): Change {
  return (original) => {
    if (original.command === command) change(original.bytes);
    return [original];
  };
}

test('both ends open, know each other, and see that their addresses are canonical', () => {
  const link = makeLink();
  run(link);
  const [a, b] = link.ids;
  assert.deepEqual([link.initiator.last?.outcome, link.responder.last?.outcome], ['open', 'open']);
  assert.equal(link.responder.last?.peerId, a.rsaFingerprint);
  assert.equal(link.initiator.last?.peerId, b.rsaFingerprint);
  assert.deepEqual(link.responder.handshake.details, {
    linkVersion: 5,
    peer: { rsaFingerprint: a.rsaFingerprint, ed25519Identity: a.ed25519Identity },
    isCanonicalAddress: true,
    observedOwnAddress: '2001:db8::2',
    clockSkewSeconds: 0,
  });
  assert.equal(link.responder.handshake.isInitiator, false);
});

test('it says nothing before VERSIONS, and then all at once: VERSIONS, CERTS, AUTH_CHALLENGE, NETINFO', () => {
  const { responder, tls } = makeLink();
  assert.deepEqual(responder.start(), []);
  const sent = responder.receive(VERSIONS);
  const commands = [COMMAND.versions, COMMAND.certs, COMMAND.authChallenge, COMMAND.netinfo];
  assert.deepEqual(
    sent.map(({ command }) => command),
    commands,
  );
  const [versions, certs, challenge, netinfo] = sent.map(({ bytes, command }) => payloadOf(bytes, command));
  assert.ok(
    versions !== undefined && certs !== undefined && challenge !== undefined && netinfo !== undefined,
  );
  assert.deepEqual(parseVersions(versions), [4, 5]);
  assert.deepEqual([...parseCerts(certs).keys()], [2, 4, 5, 7]);
  assert.deepEqual(parseAuthChallenge(challenge).methods, [3]);
  const own = Buffer.from('20010db8000000000000000000000002', 'hex');
  assert.deepEqual(parseNetinfo(netinfo), {
    timestamp: NOW,
    otherAddress: Buffer.from([192, 0, 2, 1]),
    ownAddresses: [own],
  });
  assert.equal(tls.contexts.length, 1);
});

test('every challenge is another one', () => {
  const challenges = [introduced(), introduced()].map(({ responder }) => responder.sent[2]?.bytes);
  assert.notDeepEqual(challenges[0], challenges[1]);
});

test('the TLS secrets of AUTHENTICATE are exported for the digest of the initiator RSA key', () => {
  const link = makeLink();
  run(link);
  const cid = sha256(link.ids[0].rsaIdentityKeyDer);
  assert.deepEqual(link.tls.contexts, [Buffer.alloc(0), cid, cid]);
});

test('the highest common version is chosen; without one it closes', () => {
  const chosen = (offered: number[]): number | undefined => {
    const { responder } = makeLink();
    responder.receive(cell(encodeVersions(offered)));
    responder.receive(cell(NETINFO));
    return responder.handshake.details?.linkVersion;
  };
  assert.equal(chosen([3, 4]), 4);
  assert.equal(chosen([4, 3, 5, 6, 900]), 5);
  const { responder } = makeLink();
  responder.receive(cell(encodeVersions([1, 2, 3])));
  closedBecause(responder, /no link protocol version in common: the peer speaks 1, 2, 3/);
});

test('a first cell that is not VERSIONS closes, but padding and AUTHORIZE may come before', () => {
  for (const first of [NETINFO, encodeFixedCell(COMMAND.createFast, 5, Buffer.alloc(20))]) {
    const { responder } = makeLink();
    responder.receive(cell(first));
    closedBecause(responder, /before VERSIONS/);
  }
  const { responder } = makeLink();
  assert.deepEqual(responder.receive(VPADDING), []);
  assert.deepEqual(responder.receive({ ...VPADDING, command: COMMAND.authorize }), []);
  assert.equal(responder.receive(VERSIONS).length, 4);
});

test('NETINFO alone makes a client, and so does CERTS without AUTHENTICATE', () => {
  const { responder } = introduced();
  responder.receive(VPADDING);
  responder.receive(VERSIONS);
  responder.receive(cell(encodeFixedCell(COMMAND.padding, 0, Buffer.alloc(0))));
  responder.receive(cell(NETINFO));
  assert.deepEqual([responder.last?.outcome, responder.last?.peerId], ['open', '']);
  assert.deepEqual(responder.handshake.details, {
    linkVersion: 5,
    peer: undefined,
    isCanonicalAddress: false,
    observedOwnAddress: '1.2.3.4',
    clockSkewSeconds: undefined,
  });
  const link = makeLink();
  run(link, (original) => (original.command === COMMAND.authenticate ? [] : [original]));
  assert.deepEqual([link.responder.last?.outcome, link.responder.last?.peerId], ['open', '']);
});

test('AUTHENTICATE with any field changed closes: identities, logs, TLS, random bytes, signature', () => {
  const responderAfter = (at: number): LinkEnd => {
    const link = makeLink();
    const offset = 7 + 4 + at;
    run(
      link,
      changing(COMMAND.authenticate, (bytes) => (bytes[offset] = (bytes[offset] ?? 0) ^ 1)),
    );
    return link.responder;
  };
  for (const at of [0, 8, 40, 72, 104, 136, 168, 200, 232, 263])
    closedBecause(responderAfter(at), /about another link/);
  for (const at of [264, 287, 288, 351]) closedBecause(responderAfter(at), /wrong signature/);
});

test('the logs cover padding: a cell that only one end saw makes AUTHENTICATE fail', () => {
  const extra: Change = (original) =>
    original.command === COMMAND.certs ? [VPADDING, original] : [original];
  const ours = makeLink();
  run(ours, extra);
  closedBecause(ours.responder, /about another link/);
  const theirs = makeLink();
  run(theirs, undefined, extra);
  closedBecause(theirs.responder, /about another link/);
});

test('what comes after AUTH_CHALLENGE is in no log', () => {
  const link = makeLink();
  run(link, undefined, (original) =>
    original.command === COMMAND.netinfo ? [VPADDING, original] : [original],
  );
  assert.equal(link.responder.last?.peerId, link.ids[0].rsaFingerprint);
});

test('AUTHENTICATE of other TLS secrets, and a link without any, close', () => {
  const link = makeLink();
  const secrets = FakeTls.prototype.secrets.bind(link.tls);
  link.tls.secrets = (isInitiator, context) => {
    const real = secrets(isInitiator, context);
    return isInitiator ? { ...real, exported: Buffer.alloc(32) } : real;
  };
  run(link);
  closedBecause(link.responder, /about another link/);
  const { handshake } = makeLink().responder;
  assert.ok(handshake.receive(COMMAND.versions, 0, VERSIONS.bytes).exportContext !== undefined);
  assert.match(handshake.exported?.(undefined).error?.message ?? '', /no secrets/);
  const bare = makeLink().responder.handshake;
  bare.receive(COMMAND.versions, 0, VERSIONS.bytes);
  const none = new Uint8Array(0);
  const step = bare.exported?.({ exported: Buffer.alloc(32), ownCertificate: none, peerCertificate: none });
  assert.match(step?.error?.message ?? '', /no TLS certificate of ours/);
});

test('cells out of turn, twice or on a circuit close', () => {
  const certs = cell(encodeCerts(makeLink().ids[0].initiatorCertificates()));
  const authenticate = cell(
    encodeVariableCell(COMMAND.authenticate, Buffer.from([0, 3, 1, 0x60, ...Buffer.alloc(352)])),
  );
  const cases: [RawCell[], RegExp][] = [
    [[authenticate], /AUTHENTICATE came before CERTS/],
    [[certs, certs], /CERTS came twice/],
    [[{ ...certs, circId: 5 }], /CERTS has the circuit ID 5/],
    [[certs, { ...authenticate, circId: 5 }], /AUTHENTICATE has the circuit ID 5/],
    [[certs, authenticate], /about another link/],
    [[cell(encodeFixedCell(COMMAND.createFast, 5, Buffer.alloc(20)))], /CREATE_FAST came instead of CERTS/],
    [
      [cell(encodePaddingNegotiate({ isWanted: true, lowMs: 0, highMs: 0 }))],
      /PADDING_NEGOTIATE came instead/,
    ],
    [[cell(encodeVariableCell(COMMAND.authChallenge, Buffer.alloc(40)))], /AUTH_CHALLENGE came instead/],
  ];
  for (const [cells, message] of cases) {
    const { responder } = introduced();
    for (const one of cells) responder.receive(one);
    closedBecause(responder, message);
  }
  const link = makeLink();
  run(link, (one) => (one.command === COMMAND.authenticate ? [one, one] : [one]));
  closedBecause(link.responder, /AUTHENTICATE came twice/);
});

test('unreadable cells close as malformed', () => {
  for (const command of [COMMAND.certs, COMMAND.netinfo]) {
    const { responder } = introduced();
    const bytes =
      command === COMMAND.certs
        ? encodeVariableCell(command, Buffer.from([2]))
        : encodeFixedCell(command, 0, Buffer.from([0, 0, 0, 0, 4, 4, 1, 2, 3, 4, 200, 9, 255]));
    responder.receive(cell(bytes));
    closedBecause(responder, /./, 'ERR_KIST_MALFORMED');
  }
});

test('certificates that do not fit together close', () => {
  const good = makeLink().ids[0];
  const other = new TestIdentity(NOW);
  const swap = (type: number, from: TestIdentity): [Buffer, RegExp] => {
    const body = from.initiatorCertificates().find((entry) => entry.type === type)?.body ?? Buffer.alloc(0);
    const all = good.initiatorCertificates().map((entry) => (entry.type === type ? { type, body } : entry));
    return [encodeCerts(all), type === 6 ? /wrong signature/ : /./];
  };
  const without = (type: number): [Buffer, RegExp] => [
    encodeCerts(good.initiatorCertificates().filter((entry) => entry.type !== type)),
    new RegExp(`no certificate of type ${type}`),
  ];
  const of = (identity: TestIdentity, message: RegExp): [Buffer, RegExp] => [
    encodeCerts(identity.initiatorCertificates()),
    message,
  ];
  const cases = [
    ...[2, 4, 6, 7].map((type) => swap(type, other)),
    ...[2, 4, 6, 7].map((type) => without(type)),
    of(new TestIdentity(NOW, { rsaBits: 2048 }), /not RSA of 1024 bits/),
    of(new TestIdentity(NOW, { rsaTo: NOW - 3 * DAY, rsaFrom: NOW - 9 * DAY }), /has expired/),
    of(new TestIdentity(NOW, { rsaFrom: NOW + 31 * DAY }), /not valid yet/),
    of(new TestIdentity(NOW, { expiresAt: NOW - DAY }), /expired/),
  ];
  for (const [bytes, message] of cases) {
    const { responder } = introduced();
    responder.receive(cell(bytes));
    closedBecause(responder, message, 'ERR_KIST_CERTIFICATE');
  }
});

test('an RSA identity certificate that another key signed, or that is not DER, closes', () => {
  const good = makeLink().ids[0];
  const replace = (body: Buffer): LinkEnd => {
    const all = good.initiatorCertificates().map((entry) => (entry.type === 2 ? { type: 2, body } : entry));
    const { responder } = introduced();
    responder.receive(cell(encodeCerts(all)));
    return responder;
  };
  const changed = Buffer.from(good.rsaCertificate);
  changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
  closedBecause(replace(changed), /not signed by its own key/, 'ERR_KIST_CERTIFICATE');
  const pem = `-----BEGIN CERTIFICATE-----\n${good.rsaCertificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
  for (const body of [
    Buffer.from(pem),
    Buffer.alloc(10),
    Buffer.concat([good.rsaCertificate, Buffer.alloc(1)]),
  ])
    closedBecause(replace(body), /not an X\.509 certificate in DER/, 'ERR_KIST_MALFORMED');
});

test('certificates for a responder do not authenticate an initiator', () => {
  const { ids, responder, tls } = introduced();
  responder.receive(cell(encodeCerts(ids[0].linkCertificates(tls.certificate))));
  closedBecause(responder, /no certificate of type 6/, 'ERR_KIST_CERTIFICATE');
});

test('on an open channel VERSIONS, NETINFO and padding mean nothing, certificates close', () => {
  const opened = (): LinkEnd => {
    const { responder } = introduced();
    responder.receive(cell(NETINFO));
    return responder;
  };
  const end = opened();
  for (const one of [cell(NETINFO), VPADDING, cell(encodeFixedCell(COMMAND.padding, 0, Buffer.alloc(0)))])
    assert.deepEqual(end.handshake.receive(one.command, 0, one.bytes), {});
  assert.deepEqual(end.handshake.receive(COMMAND.versions, 0, VERSIONS.bytes), {});
  for (const command of [COMMAND.certs, COMMAND.authChallenge, COMMAND.authenticate]) {
    const step = opened().handshake.receive(command, 0, encodeVariableCell(command, Buffer.alloc(40)));
    assert.equal(step.outcome, 'close');
    assert.match(step.error?.message ?? '', /when the handshake was over/);
  }
});

test('a request for padding is kept from version 5 on, an unreadable one ignored', () => {
  const request = { isWanted: false, lowMs: 1500, highMs: 9500 };
  const bytes = encodePaddingNegotiate(request);
  const opened = (version: number): LinkEnd => {
    const { responder } = makeLink();
    responder.receive(cell(encodeVersions([version])));
    responder.receive(cell(NETINFO));
    return responder;
  };
  const { handshake } = opened(5);
  assert.deepEqual(handshake.receive(COMMAND.paddingNegotiate, 0, bytes), {});
  assert.deepEqual(handshake.paddingRequest, request);
  const unreadable = encodeFixedCell(COMMAND.paddingNegotiate, 0, Buffer.from([9, 9]));
  assert.deepEqual(handshake.receive(COMMAND.paddingNegotiate, 0, unreadable), {});
  assert.deepEqual(handshake.paddingRequest, request);
  const old = opened(4).handshake;
  old.receive(COMMAND.paddingNegotiate, 0, bytes);
  assert.equal(old.paddingRequest, undefined);
});
