import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeAuthenticate, parseAuthenticate } from '../../../src/dialect/tor/authenticate.js';
import { COMMAND, payloadOf } from '../../../src/dialect/tor/cells.js';
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
} from '../../../src/dialect/tor/link-cells.js';
import { assertMalformed, hex } from './malformed.js';

test('VERSIONS: numbers of 2 bytes under a short circuit ID', () => {
  assert.equal(encodeVersions([3, 4, 5]).toString('hex'), '0000070006000300040005');
  assert.deepEqual(parseVersions(hex('000300040005')), [3, 4, 5]);
  assert.deepEqual(parseVersions(hex('')), []);
  assertMalformed(() => parseVersions(hex('000300')), /odd length of 3 bytes/);
});

test('CERTS: type, length and body of each; bytes after the last are ignored', () => {
  const cell = encodeCerts([
    { type: 2, body: hex('aabbcc') },
    { type: 7, body: hex('') },
  ]);
  assert.equal(cell.toString('hex'), '0000000081000a' + '02' + '020003aabbcc' + '070000');
  const certificates = parseCerts(Buffer.concat([payloadOf(cell, COMMAND.certs), hex('ffff')]));
  assert.deepEqual(
    [...certificates],
    [
      [2, hex('aabbcc')],
      [7, hex('')],
    ],
  );
});

test('CERTS: unknown types are kept, a type may come once, and nothing is read past the end', () => {
  assert.deepEqual([...parseCerts(hex('01 fe 0001 aa'))], [[0xfe, hex('aa')]]);
  assert.equal(parseCerts(hex('00')).size, 0);
  assertMalformed(() => parseCerts(hex('02 020001aa 020001bb')), /two certificates of type 2/);
  assertMalformed(() => parseCerts(hex('')), /number of certificates needs 1 bytes, 0 are left/);
  assertMalformed(() => parseCerts(hex('02 020001aa')), /type of certificate 2 of 2/);
  assertMalformed(
    () => parseCerts(hex('01 020002aa')),
    /body of certificate 1 of 1 needs 2 bytes, 1 are left/,
  );
});

test('AUTH_CHALLENGE: 32 bytes and the methods; bytes after them are ignored', () => {
  const challenge = Buffer.alloc(32, 0x5a);
  const cell = encodeAuthChallenge({ challenge, methods: [1, 3] });
  assert.equal(cell.toString('hex'), '00000000820026' + '5a'.repeat(32) + '000200010003');
  const payload = Buffer.concat([payloadOf(cell, COMMAND.authChallenge), hex('99')]);
  assert.deepEqual(parseAuthChallenge(payload), { challenge, methods: [1, 3] });
  assertMalformed(() => parseAuthChallenge(payload.subarray(0, 37)), /too short for 2 methods/);
  assertMalformed(() => parseAuthChallenge(challenge.subarray(0, 31)));
  assertMalformed(() => encodeAuthChallenge({ challenge: challenge.subarray(1), methods: [] }));
});

test('NETINFO: time, the other side, own addresses', () => {
  const netinfo = {
    timestamp: 0xf0000001,
    otherAddress: hex('01020304'),
    ownAddresses: [hex('7f000001'), hex('20010db8000000000000000000000001')],
  };
  const cell = encodeNetinfo(netinfo);
  const expected =
    'f0000001' + '040401020304' + '02' + '04047f000001' + '061020010db8000000000000000000000001';
  assert.equal(cell.length, 514);
  assert.equal(cell.subarray(0, 5).toString('hex'), '0000000008');
  assert.equal(cell.subarray(5, 5 + expected.length / 2).toString('hex'), expected);
  assert.deepEqual(parseNetinfo(payloadOf(cell, COMMAND.netinfo)), netinfo);
});

test('NETINFO: addresses of unknown types and of wrong lengths are ignored, missing bytes are not', () => {
  const payload = hex('00000000' + '0002aabb' + '03' + '0403010203' + 'ee00' + '040401020304');
  assert.deepEqual(parseNetinfo(payload), {
    timestamp: 0,
    otherAddress: undefined,
    ownAddresses: [hex('01020304')],
  });
  assertMalformed(() => parseNetinfo(payload.subarray(0, -1)), /address 3 of 3 needs 4 bytes/);
  assertMalformed(() => parseNetinfo(hex('00000000 0404010203')));
  assertMalformed(() => parseNetinfo(hex('000000')), /timestamp/);
  assertMalformed(() => parseNetinfo(hex('00000000 040401020304')), /number of addresses/);
});

test('PADDING_NEGOTIATE: version 0, stop or start, two times', () => {
  const cell = encodePaddingNegotiate({ isWanted: true, lowMs: 1500, highMs: 9500 });
  assert.equal(cell.subarray(0, 11).toString('hex'), '000000000c' + '0002' + '05dc' + '251c');
  const request = { isWanted: false, lowMs: 0, highMs: 0 };
  assert.deepEqual(parsePaddingNegotiate(hex('0001 0000 0000 ffff')), request);
  assertMalformed(() => parsePaddingNegotiate(hex('0101 0000 0000')), /unknown version 1/);
  assertMalformed(() => parsePaddingNegotiate(hex('0003 0000 0000')), /unknown command 3/);
  assertMalformed(() => parsePaddingNegotiate(hex('0001 0000 00')));
});

test('AUTHENTICATE of type 3: every field at its place, and signed before the last 64 bytes', () => {
  const field = (byte: number): Buffer => Buffer.alloc(32, byte);
  const fields = {
    initiatorRsaDigest: field(1),
    responderRsaDigest: field(2),
    initiatorEd25519: field(3),
    responderEd25519: field(4),
    responderLog: field(5),
    initiatorLog: field(6),
    tlsCertificateDigest: field(7),
    tlsSecrets: field(8),
  };
  let signed: Uint8Array = Buffer.alloc(0);
  const cell = encodeAuthenticate(fields, Buffer.alloc(24, 9), (bytes) => {
    signed = bytes;
    return Buffer.alloc(64, 0xaa);
  });
  const order = [1, 2, 3, 4, 5, 6, 7, 8].map((byte) => `0${byte}`.repeat(32)).join('');
  const body = Buffer.from('AUTH0003').toString('hex') + order + '09'.repeat(24);
  assert.equal(Buffer.from(signed).toString('hex'), body);
  assert.equal(cell.toString('hex'), '00000000830164' + '00030160' + body + 'aa'.repeat(64));
});

test('AUTHENTICATE: bytes nobody knows may stand between RAND and SIG and after SIG', () => {
  const body = Buffer.concat([Buffer.alloc(288, 1), Buffer.alloc(5, 2), Buffer.alloc(64, 3)]);
  const head = Buffer.from([0, 3, 1, 0x65]);
  const cell = parseAuthenticate(Buffer.concat([head, body, hex('ffffff')]));
  assert.deepEqual(cell.known, Buffer.alloc(264, 1));
  assert.deepEqual(cell.signed, body.subarray(0, 293));
  assert.deepEqual(cell.signature, Buffer.alloc(64, 3));
  assertMalformed(() => parseAuthenticate(Buffer.concat([head, body.subarray(1)])), /body needs 357 bytes/);
  const short = Buffer.concat([hex('0003 015f'), Buffer.alloc(351)]);
  assertMalformed(() => parseAuthenticate(short), /body of 351 bytes/);
  assertMalformed(() => parseAuthenticate(Buffer.concat([hex('0001 0160'), Buffer.alloc(352)])), /type 1/);
});
