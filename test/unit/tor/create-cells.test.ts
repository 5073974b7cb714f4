/** Numbers as in test_cell_formats.c of C tor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMAND, encodeFixedCell } from '../../../src/dialect/tor/cells.js';
import {
  encodeCreate2,
  encodeExtend2,
  encodeExtended2,
  HANDSHAKE_TYPE,
  parseCreate,
  parseCreate2,
  parseCreated2,
  parseExtend2,
  parseExtended2,
} from '../../../src/dialect/tor/create-cells.js';
import { assertMalformed, hex, raw } from './malformed.js';

function bytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 7 + 1) & 0xff));
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc(498 - body.length)]);
}

test('CREATE2: type, length and handshake, padding ignored', () => {
  const skin = bytes(84);
  const payload = encodeCreate2({ type: HANDSHAKE_TYPE.ntor, skin });
  assert.deepEqual(payload, Buffer.concat([hex('00020054'), skin]));
  const cell = encodeFixedCell(COMMAND.create2, 7, payload);
  assert.deepEqual(parseCreate(cell), { type: 2, skin });
  const tap = Buffer.concat([hex('000000ba'), bytes(186)]);
  assert.deepEqual(parseCreate2(tap), { type: 0, skin: bytes(186) });
  assert.deepEqual(parseCreate2(hex('0105 0003 aabbcc 00')), { type: 0x105, skin: hex('aabbcc') });
});

test('CREATE_FAST has 20 bytes, CREATE is TAP or carries ntor behind a tag', () => {
  const fast = encodeFixedCell(COMMAND.createFast, 7, bytes(20));
  assert.deepEqual(parseCreate(fast), { type: HANDSHAKE_TYPE.fast, skin: bytes(20) });
  const tap = encodeFixedCell(COMMAND.create, 7, bytes(186));
  assert.deepEqual(parseCreate(tap), { type: HANDSHAKE_TYPE.tap, skin: bytes(186) });
  const ntor = encodeFixedCell(COMMAND.create, 7, Buffer.concat([raw('ntorNTORntorNTOR'), bytes(84)]));
  assert.deepEqual(parseCreate(ntor), { type: HANDSHAKE_TYPE.ntor, skin: bytes(84) });
});

test('CREATE2 with a known type and another length, or with CREATE_FAST in it, is malformed', () => {
  assertMalformed(
    () => parseCreate2(Buffer.concat([hex('000000bc'), bytes(505)])),
    /188 bytes instead of 186/,
  );
  assertMalformed(() => parseCreate2(Buffer.concat([hex('00000200'), bytes(505)])), /512 bytes/);
  assertMalformed(() => parseCreate2(Buffer.concat([hex('00010014'), bytes(20)])), /CREATE_FAST/);
  assertMalformed(() => parseCreate2(hex('0002')), /handshake length/);
  assertMalformed(
    () => parseCreate(encodeFixedCell(COMMAND.created, 7, bytes(4))),
    /CREATED creates no circuit/,
  );
  assertMalformed(() => parseCreate(hex('00')));
  assertMalformed(() => encodeCreate2({ type: 3, skin: bytes(506) }));
});

test('CREATED2 and EXTENDED2: length and answer, at most what a relay cell carries', () => {
  assert.deepEqual(encodeExtended2(bytes(64)), Buffer.concat([hex('0040'), bytes(64)]));
  assert.deepEqual(parseExtended2(Buffer.concat([hex('002a'), bytes(42), hex('ffff')])), bytes(42));
  const cell = (payload: Buffer): Buffer => encodeFixedCell(COMMAND.created2, 7, payload);
  assert.deepEqual(parseCreated2(cell(encodeExtended2(bytes(496)))), bytes(496));
  assertMalformed(() => parseCreated2(cell(Buffer.concat([hex('01f1'), bytes(497)]))), /497 bytes/);
  assertMalformed(() => parseExtended2(Buffer.concat([hex('01f1'), bytes(496)])));
  assertMalformed(() => parseExtended2(hex('0003aabb')), /handshake needs 3 bytes, 2 are left/);
  assertMalformed(() => encodeExtended2(bytes(497)));
  assertMalformed(() => parseCreated2(encodeFixedCell(COMMAND.createdFast, 7, bytes(40))), /CREATED_FAST/);
});

const IPV4 = '000612f40001f0f1';
const DIGEST = '0214' + raw('anarchoindividualist').toString('hex');
const FINGERPRINT = raw('anarchoindividualist').toString('hex').toUpperCase();
const NTOR = '00020054' + bytes(84).toString('hex');

test('EXTEND2: the least there is, an IPv4 address and an RSA identity', () => {
  const body = hex(`02 ${IPV4} ${DIGEST} ${NTOR}`);
  const { specifiers, handshake, target } = parseExtend2(body);
  assert.deepEqual(handshake, hex(NTOR));
  assert.deepEqual(target, {
    host: '18.244.0.1',
    port: 61681,
    peerId: FINGERPRINT,
    ed25519Identity: undefined,
  });
  assert.deepEqual(encodeExtend2({ specifiers, handshake }), body);
});

test('EXTEND2: all there is, in any order, goes on in the order of the specification', () => {
  const ed25519 = '0320' + raw('brownshoesdontmakeit/brownshoesd').toString('hex');
  const ipv6 = '011220020000000000000000000000f0c51e1112';
  const unknown = 'f020' + raw('upupdowndownleftrightleftrightba').toString('hex');
  const create = '01050063' + bytes(99).toString('hex');
  const { specifiers, handshake, target } = parseExtend2(
    padded(hex(`05 ${unknown} ${ipv6} ${DIGEST} ${ed25519} ${IPV4} ${create}`)),
  );
  assert.deepEqual(specifiers.ipv6, { host: '2002::f0:c51e', port: 4370 });
  assert.deepEqual(specifiers.ipv4, { host: '18.244.0.1', port: 61681 });
  assert.equal(target.host, '18.244.0.1');
  assert.deepEqual(target.ed25519Identity, raw('brownshoesdontmakeit/brownshoesd'));
  assert.deepEqual(specifiers.unknown, [{ type: 0xf0, body: raw('upupdowndownleftrightleftrightba') }]);
  const { unknown: _, ...known } = specifiers;
  assert.deepEqual(
    encodeExtend2({ specifiers: known, handshake }),
    hex(`04 ${IPV4} ${DIGEST} ${ed25519} ${ipv6} ${create}`),
  );
});

test('EXTEND2: IPv6 alone will do, the first address of a kind counts, zeroes are no identity and no address', () => {
  const ipv6 = '0112' + '78'.repeat(16) + '5959';
  const alone = parseExtend2(hex(`02 ${DIGEST} ${ipv6} ffff0002aabb`)).target;
  assert.deepEqual([alone.host, alone.port], ['7878:7878:7878:7878:7878:7878:7878:7878', 22873]);
  const zeroes = `0006000000000001 0320${'00'.repeat(32)}`;
  const second = '0006010203040001';
  const mixed = parseExtend2(hex(`06 ${zeroes} ${IPV4} ${second} ${DIGEST} ${ipv6} ffff0002aabb`)).target;
  assert.deepEqual([mixed.host, mixed.ed25519Identity], ['18.244.0.1', undefined]);
  const portless = '000601020304' + '0000';
  assertMalformed(() => parseExtend2(hex(`02 ${portless} ${DIGEST} ${NTOR}`)), /names no address/);
});

test('EXTEND2: what is malformed', () => {
  const parse = (text: string): (() => unknown) => {
    const body = hex(text);
    return () => parseExtend2(body);
  };
  const other = '0214' + raw('autodepolymerization').toString('hex');
  assertMalformed(parse(`03 ${IPV4} ${DIGEST} ${other} ffff000100`), /two link specifiers are of type 2/);
  const ed25519 = '0320' + '11'.repeat(32);
  assertMalformed(parse(`04 ${IPV4} ${DIGEST} ${ed25519} ${ed25519} ffff000100`), /are of type 3/);
  assertMalformed(parse(`01 ${IPV4} ffff000100`), /names no RSA identity/);
  assertMalformed(parse(`02 ${IPV4} 0214${'00'.repeat(20)} ffff000100`), /of zeroes/);
  assertMalformed(parse(`01 ${DIGEST} ffff000100`), /names no address/);
  assertMalformed(parse(`02 000712f40001f0f1ff ${DIGEST} ffff000100`), /7 bytes instead of 6/);
  assertMalformed(parse(`02 000512f40001f0 ${DIGEST} ffff000100`), /5 bytes instead of 6/);
  assertMalformed(parse(`03 ${IPV4} ${DIGEST} 0113${'78'.repeat(19)} ffff000100`), /19 bytes instead of 18/);
  assertMalformed(parse(`03 ${IPV4} ${DIGEST} 0111${'78'.repeat(17)} ffff000100`));
  assertMalformed(() => parseExtend2(padded(hex(`02 ${IPV4} ${DIGEST} ffff01d0`))), /needs 464 bytes/);
  const runningOut = Buffer.concat([hex('050aff'), Buffer.alloc(255), hex('0aff')]);
  assertMalformed(() => parseExtend2(padded(runningOut)), /link specifier 2 of 5 needs 255 bytes/);
  assertMalformed(parse(`02 ${IPV4} ${DIGEST} 00010014 ${'00'.repeat(20)}`), /CREATE_FAST/);
  assertMalformed(parse(''), /number of link specifiers/);
});

test('EXTEND2 that nobody could read is not written', () => {
  const handshake = hex('ffff0000');
  const rsaFingerprint = FINGERPRINT;
  const write = (specifiers: Parameters<typeof encodeExtend2>[0]['specifiers']): (() => unknown) => {
    return () => encodeExtend2({ specifiers, handshake });
  };
  assertMalformed(write({ rsaFingerprint, ipv4: { host: '::1', port: 1 } }), /"::1" port 1/);
  assertMalformed(write({ rsaFingerprint, ipv4: { host: '1.2.3.4', port: 65536 } }));
  assertMalformed(write({ rsaFingerprint: 'zz' }), /not an RSA fingerprint/);
  assertMalformed(write({ rsaFingerprint, ed25519Identity: Buffer.alloc(31) }), /31 bytes/);
  assertMalformed(() => encodeExtend2({ specifiers: { rsaFingerprint }, handshake: bytes(480) }));
});
