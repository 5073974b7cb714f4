import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressFromBytes, addressToBytes } from '../../src/dialect/tor/addresses.js';
import { parseAuthenticate } from '../../src/dialect/tor/authenticate.js';
import { COMMAND, encodeFixedCell, encodeVariableCell, payloadOf } from '../../src/dialect/tor/cells.js';
import {
  encodeExtend2,
  encodeExtended2,
  parseCreate,
  parseCreate2,
  parseCreated2,
  parseExtend2,
  parseExtended2,
} from '../../src/dialect/tor/create-cells.js';
import { addressOfReverseName, reverseName } from '../../src/dialect/tor/host-names.js';
import {
  encodeAuthChallenge,
  encodeCerts,
  encodeNetinfo,
  encodePaddingNegotiate,
  encodeVersions,
  parseAuthChallenge,
  parseCerts,
  parseNetinfo,
  parsePaddingNegotiate,
  parseVersions,
} from '../../src/dialect/tor/link-cells.js';
import { NtorClient } from '../../src/dialect/tor/ntor-client.js';
import { encodeExtensions, NtorV3Client, parseExtensions } from '../../src/dialect/tor/ntor-v3-client.js';
import { encodeAnswers } from '../../src/dialect/tor/resolve-messages.js';
import {
  encodeBegin,
  encodeConnected,
  encodeEnd,
  encodeResolve,
  encodeSendme,
  parseBegin,
  parseConnected,
  parseEnd,
  parseResolve,
  parseResolved,
  parseSendme,
} from '../../src/dialect/tor/stream-messages.js';
import { CERT_TYPE, checkEd25519Cert, parseEd25519Cert } from '../../src/directory/ed25519-cert.js';
import { parseRsaEdCrosscert } from '../../src/directory/rsa-ed-crosscert.js';
import { KistError } from '../../src/util/errors.js';
import { makeLink, NOW } from '../unit/tor/link-rig.js';
import type { RawCell } from '../unit/tor/link-rig.js';

const octets = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
const noise = fc.uint8Array({ maxLength: 520 }).map((bytes) => Buffer.from(bytes));
const u16 = fc.integer({ min: 0, max: 0xffff });
const port = fc.integer({ min: 1, max: 0xffff });
const ttl = fc.integer({ min: 0, max: 0x7fffffff });
const ipBytes = fc.oneof(octets(4), octets(16));
/** IPv4-mapped ones become IPv4 and are left out. */
const ip = ipBytes
  .filter((bytes) => addressToBytes(addressFromBytes(bytes))?.length === bytes.length)
  .map((bytes) => addressFromBytes(bytes));
const name = fc.stringMatching(/^[a-z0-9._-]{1,60}$/).filter((host) => !/^[\d.]+$/.test(host));

function valueOrMalformed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    assert.ok(error instanceof KistError && error.code === 'ERR_KIST_MALFORMED', String(error));
    return undefined;
  }
}

/** Bytes of something valid, cut, grown or changed at one place; or noise. */
function near(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> {
  return fc.oneof(
    noise,
    fc.tuple(valid, fc.nat(600)).map(([bytes, length]) => Buffer.from(bytes.subarray(0, length))),
    fc.tuple(valid, noise).map((parts) => Buffer.concat(parts)),
    fc.tuple(valid, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([bytes, at, value]) => {
      const changed = Buffer.from(bytes);
      if (changed.length > 0) changed[at % changed.length] = value;
      return changed;
    }),
  );
}

const certificate = fc.record({ type: fc.integer({ min: 0, max: 255 }), body: noise });
const certs = fc.uniqueArray(certificate, { maxLength: 6, selector: ({ type }) => type });
const netinfo = fc.record({
  timestamp: fc.integer({ min: 0, max: 0xffffffff }),
  otherAddress: ipBytes,
  ownAddresses: fc.array(ipBytes, { maxLength: 5 }),
});
const challenge = fc.record({ challenge: octets(32), methods: fc.array(u16, { maxLength: 9 }) });
const padding = fc.record({ isWanted: fc.boolean(), lowMs: u16, highMs: u16 });
const orPort = (host: fc.Arbitrary<Buffer>): fc.Arbitrary<{ host: string; port: number }> =>
  fc.record({
    host: host.filter((bytes) => bytes.some((byte) => byte !== 0)).map((bytes) => addressFromBytes(bytes)),
    port,
  });
const specifiers = fc.record({
  ipv4: orPort(octets(4)),
  ipv6: fc.option(
    orPort(octets(16)).filter(({ host }) => addressToBytes(host)?.length === 16),
    { nil: undefined },
  ),
  rsaFingerprint: octets(20).map((bytes) => Buffer.from(bytes).fill(1, 0, 1).toString('hex').toUpperCase()),
  ed25519Identity: fc.option(
    octets(32).map((bytes) => bytes.fill(1, 0, 1)),
    { nil: undefined },
  ),
  unknown: fc.array(fc.record({ type: fc.integer({ min: 4, max: 255 }), body: octets(9) }), { maxLength: 3 }),
});
const handshake = octets(84).map((skin) => Buffer.concat([Buffer.from([0, 2, 0, 84]), skin]));
const extend2 = fc.record({ specifiers, handshake });
const begin = fc.record({
  host: fc.oneof(ip, name),
  port,
  allowsIpv4: fc.boolean(),
  allowsIpv6: fc.boolean(),
  prefersIpv6: fc.boolean(),
});
const answer = fc.oneof(
  fc.record({ address: ip, ttl }, { noNullPrototype: true }),
  fc.record({ hostname: name, ttl }, { noNullPrototype: true }),
);
const sendme = octets(20).map((digest) => encodeSendme({ version: 1, digest }));
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

test('what is written of a link handshake is read back', () => {
  fc.assert(
    fc.property(certs, netinfo, challenge, padding, fc.array(u16, { maxLength: 9 }), (...values) => {
      const [entries, info, asked, wanted, versions] = values;
      const list = [...parseCerts(payloadOf(encodeCerts(entries), COMMAND.certs))];
      assert.deepEqual(
        list,
        entries.map(({ type, body }) => [type, body]),
      );
      assert.deepEqual(plain(parseNetinfo(payloadOf(encodeNetinfo(info), COMMAND.netinfo))), plain(info));
      const read = parseAuthChallenge(payloadOf(encodeAuthChallenge(asked), COMMAND.authChallenge));
      assert.deepEqual(plain(read), plain(asked));
      const cell = payloadOf(encodePaddingNegotiate(wanted), COMMAND.paddingNegotiate);
      assert.deepEqual(plain(parsePaddingNegotiate(cell)), plain(wanted));
      assert.deepEqual(parseVersions(payloadOf(encodeVersions(versions), COMMAND.versions)), versions);
    }),
  );
});

test('what is written of circuits and streams is read back', () => {
  fc.assert(
    fc.property(extend2, begin, fc.array(answer, { maxLength: 7 }), ip, ttl, octets(64), (...values) => {
      const [extend, target, answers, address, seconds, bytes] = values;
      const request = parseExtend2(encodeExtend2(extend));
      assert.deepEqual(plain(request.specifiers), plain(extend.specifiers));
      assert.deepEqual(Buffer.from(request.handshake), extend.handshake);
      assert.deepEqual(parseExtended2(encodeExtended2(bytes)), bytes);
      assert.deepEqual(plain(parseBegin(encodeBegin(target))), plain(target));
      const byKind = (list: readonly object[]): string[] => list.map((one) => JSON.stringify(one)).sort();
      assert.deepEqual(byKind(parseResolved(encodeAnswers(answers)).answers), byKind(answers));
      assert.deepEqual(parseEnd(encodeEnd(4, address, seconds)), { reason: 4, address, ttl: seconds });
      if (address === '0.0.0.0') return;
      assert.deepEqual(parseConnected(encodeConnected(address, seconds)), { address, ttl: seconds });
    }),
  );
});

test('addresses survive being written, and reverse names lead back', () => {
  fc.assert(
    fc.property(ipBytes, (bytes) => {
      const text = addressFromBytes(bytes);
      const again = addressToBytes(text);
      const isMapped = bytes.length === 16 && again?.length === 4;
      if (!isMapped) assert.deepEqual(again, bytes);
      assert.equal(
        addressOfReverseName(parseResolve(encodeResolve(reverseName(text)))),
        isMapped ? addressFromBytes(again) : text,
      );
    }),
  );
});

const PARSERS: [string, (bytes: Buffer) => unknown, fc.Arbitrary<Uint8Array>][] = [
  ['VERSIONS', parseVersions, noise],
  ['CERTS', parseCerts, certs.map((entries) => payloadOf(encodeCerts(entries), COMMAND.certs))],
  ['AUTH_CHALLENGE', parseAuthChallenge, challenge.map((it) => payloadOf(encodeAuthChallenge(it), 130))],
  [
    'AUTHENTICATE',
    parseAuthenticate,
    octets(352).map((it) => Buffer.concat([Buffer.from([0, 3, 1, 0x60]), it])),
  ],
  ['NETINFO', parseNetinfo, netinfo.map((it) => payloadOf(encodeNetinfo(it), COMMAND.netinfo))],
  ['PADDING_NEGOTIATE', parsePaddingNegotiate, octets(6)],
  ['CREATE2', parseCreate2, handshake],
  ['CREATE', parseCreate, handshake.map((it) => encodeFixedCell(COMMAND.create2, 1, it))],
  [
    'CREATED2',
    parseCreated2,
    octets(64).map((it) => encodeFixedCell(COMMAND.created2, 1, encodeExtended2(it))),
  ],
  ['EXTEND2', parseExtend2, extend2.map((it) => encodeExtend2(it))],
  ['EXTENDED2', parseExtended2, octets(64).map((it) => encodeExtended2(it))],
  ['BEGIN', parseBegin, begin.map((it) => encodeBegin(it))],
  ['CONNECTED', parseConnected, ip.map((it) => encodeConnected(it, 60))],
  ['END', parseEnd, ip.map((it) => encodeEnd(4, it, 60))],
  ['RESOLVE', parseResolve, name.map((it) => encodeResolve(it))],
  ['RESOLVED', parseResolved, fc.array(answer, { maxLength: 5 }).map((it) => encodeAnswers(it))],
  ['SENDME', parseSendme, sendme],
  ['extensions', parseExtensions, octets(9).map((body) => encodeExtensions([{ type: 1, body }]))],
  ['Ed25519 certificate', parseEd25519Cert, octets(140).map((it) => it.fill(1, 0, 1).fill(1, 39, 40))],
  ['cross-certificate', parseRsaEdCrosscert, octets(165).map((it) => it.fill(128, 36, 37))],
];

for (const [what, parse, valid] of PARSERS) {
  test(`any bytes are ${what} or malformed`, () => {
    fc.assert(
      fc.property(near(valid), (bytes) => void valueOrMalformed(() => parse(bytes))),
      { numRuns: 2000, examples: [[Buffer.alloc(0)], [Buffer.alloc(1)], [Buffer.alloc(514, 0xff)]] },
    );
  });
}

test('any BEGIN that is read can be sent on as it is', () => {
  const text = fc
    .tuple(fc.string({ maxLength: 30 }), fc.string({ maxLength: 6 }), octets(4))
    .map(([host, digits, flags]) => Buffer.concat([Buffer.from(`${host}:${digits}\0`, 'latin1'), flags]));
  fc.assert(
    fc.property(fc.oneof(text, near(begin.map((it) => encodeBegin(it)))), (bytes) => {
      const target = valueOrMalformed(() => parseBegin(bytes));
      if (target !== undefined) assert.deepEqual(parseBegin(encodeBegin(target)), target);
    }),
    {
      numRuns: 3000,
      examples: [[Buffer.from('::1:80\0')], [Buffer.from('[::]:1\0')], [Buffer.from('%:1\0')]],
    },
  );
});

test('any EXTEND2 that is read can be sent on and means the same', () => {
  fc.assert(
    fc.property(near(extend2.map((it) => encodeExtend2(it))), (bytes) => {
      const request = valueOrMalformed(() => parseExtend2(bytes));
      if (request === undefined) return;
      const again = valueOrMalformed(() => parseExtend2(encodeExtend2(request)));
      if (again !== undefined) assert.deepEqual(plain(again), plain(request));
    }),
    { numRuns: 3000 },
  );
});

test('a certificate that is changed anywhere no longer passes', () => {
  const [identity] = makeLink().ids;
  const body = Buffer.from(identity.initiatorCertificates()[1]?.body ?? []);
  const check = { type: CERT_TYPE.signing, signingKey: identity.ed25519Identity, now: NOW };
  checkEd25519Cert(parseEd25519Cert(body), check);
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(body);
      changed[at] = (changed[at] ?? 0) ^ flip;
      assert.throws(() => checkEd25519Cert(parseEd25519Cert(changed), check), KistError);
    }),
  );
});

test('no answer to a circuit handshake gives keys, whatever it is', () => {
  const key = Buffer.alloc(32, 9);
  const hops = [
    new NtorClient({ rsaDigest: Buffer.alloc(20), ntorKey: key }),
    new NtorV3Client({ ed25519Identity: key, ntorKey: key }),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...hops), noise, (hop, bytes) => {
      assert.throws(() => hop.finish(bytes), KistError);
    }),
  );
});

/** Cells as the data plane might hand them over: real ones, real ones changed, and noise of any command. */
function anyCells(real: readonly RawCell[]): fc.Arbitrary<RawCell[]> {
  const commands = [...Object.values(COMMAND), 133, 255];
  const circId = fc.constantFrom(0, 0, 0, 1, 0x80000000);
  const made = fc.tuple(fc.constantFrom(...commands), circId, noise).map(([command, id, bytes]): RawCell => {
    const isVariable = command === COMMAND.versions || command >= 128;
    const payload = bytes.subarray(0, 509);
    const whole = isVariable ? encodeVariableCell(command, payload) : encodeFixedCell(command, id, payload);
    return { command, circId: id, bytes: whole };
  });
  const genuine = fc.constantFrom(...real);
  const changed = fc.tuple(genuine, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([cell, at, value]) => {
    const bytes = Buffer.from(cell.bytes);
    bytes[at % bytes.length] = value;
    return { ...cell, bytes };
  });
  return fc.array(fc.oneof({ weight: 3, arbitrary: genuine }, changed, made), { maxLength: 8 });
}

test('no sequence of cells makes a handshake throw, open twice, or open to a relay that did not prove itself', () => {
  const recorded = makeLink();
  const toInitiator: RawCell[] = [];
  const toResponder: RawCell[] = [];
  for (let cells = recorded.initiator.start(); cells.length > 0;) {
    toResponder.push(...cells);
    const answers = cells.flatMap((cell) => recorded.responder.receive(cell));
    toInitiator.push(...answers);
    cells = answers.flatMap((cell) => recorded.initiator.receive(cell));
  }
  fc.assert(
    fc.property(fc.boolean(), anyCells(toInitiator), anyCells(toResponder), (isInitiator, one, other) => {
      const link = makeLink();
      const end = isInitiator ? link.initiator : link.responder;
      end.start();
      // Half of all sequences begin as they should.
      const script = isInitiator ? toInitiator : toResponder;
      const cells = one.length % 2 === 0 ? [...script.slice(0, 2), ...one] : [...other, ...one];
      for (const cell of cells) end.receive(cell);
      const opened = end.steps.filter(({ outcome }) => outcome === 'open');
      assert.ok(opened.length <= 1);
      // A recorded AUTHENTICATE is about another challenge, so that nobody is authenticated to us.
      if (!isInitiator) assert.ok(opened.every(({ peerId }) => peerId === ''));
    }),
    { numRuns: 1000 },
  );
});
