/** Numbers and texts as in test_cell_formats.c of C tor. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOfReverseName, reverseName } from '../../../src/dialect/tor/host-names.js';
import { END_REASON } from '../../../src/dialect/tor/reasons.js';
import { encodeAnswers, encodeResolveError } from '../../../src/dialect/tor/resolve-messages.js';
import {
  encodeBegin,
  encodeConnected,
  encodeEnd,
  encodeResolve,
  encodeResolved,
  encodeSendme,
  parseBegin,
  parseConnected,
  parseEnd,
  parseResolve,
  parseResolved,
  parseSendme,
} from '../../../src/dialect/tor/stream-messages.js';
import { assertMalformed, hex, raw } from './malformed.js';

const PLAIN = { allowsIpv4: true, allowsIpv6: false, prefersIpv6: false };

test('BEGIN: host and port up to a NUL', () => {
  const cases = [
    ['a.b:9\0', 'a.b', 9],
    ['here-is-a-nice-long.hostname.com:65535\0', 'here-is-a-nice-long.hostname.com', 65535],
    ['18.9.22.169:80\0', '18.9.22.169', 80],
    ['[2620::6b0:b:1a1a:0:26e5:480e]:80\0', '2620::6b0:b:1a1a:0:26e5:480e', 80],
    ['another.example.com:80\0\x01\x02', 'another.example.com', 80],
    ['UPPER.example:1\0', 'upper.example', 1],
  ] as const;
  for (const [body, host, port] of cases) assert.deepEqual(parseBegin(raw(body)), { host, port, ...PLAIN });
});

test('BEGIN: flags are 4 bytes after the NUL, of which three bits are known', () => {
  const flags = (bits: string): object => {
    const { allowsIpv4, allowsIpv6, prefersIpv6 } = parseBegin(raw(`a.example:443\0${bits}`));
    return { allowsIpv4, allowsIpv6, prefersIpv6 };
  };
  assert.deepEqual(flags('\0\0\0\x01'), { allowsIpv4: true, allowsIpv6: true, prefersIpv6: false });
  assert.deepEqual(flags('\0\0\0\x07'), { allowsIpv4: false, allowsIpv6: true, prefersIpv6: true });
  assert.deepEqual(flags('\x01\x02\x03\x04'), { allowsIpv4: true, allowsIpv6: false, prefersIpv6: true });
  assert.deepEqual(flags('\xee\xaa\x00\xf8Hi mom'), PLAIN);
  assert.deepEqual(flags('\0\0\x07'), PLAIN);
});

test('BEGIN: what is malformed', () => {
  for (const body of ['', 'a.b\0', 'a.b:\0', 'a.b:xyz\0', 'a.b:100000\0', 'a.b:65536\0', 'a.b:0\0', ':80\0'])
    assertMalformed(() => parseBegin(raw(body)));
  assertMalformed(() => parseBegin(raw('a.b:80')), /no NUL/);
  for (const body of [
    '::1:80\0',
    '[1.2.3.4]:80\0',
    '[a.b]:80\0',
    'a b:80\0',
    'a\xffb:80\0',
    '[fe80::1%lo]:1\0',
  ])
    assertMalformed(() => parseBegin(raw(body)), /no valid host/);
  assertMalformed(() => parseBegin(raw(`${'a'.repeat(256)}:1\0`)));
});

test('BEGIN is written in lower case, IPv6 in brackets, flags only where there are some', () => {
  assert.deepEqual(encodeBegin({ host: 'A.Example', port: 80, ...PLAIN }), raw('a.example:80\0'));
  const all = { allowsIpv4: false, allowsIpv6: true, prefersIpv6: true };
  assert.deepEqual(encodeBegin({ host: '::1', port: 1, ...all }), raw('[::1]:1\0\0\0\0\x07'));
  assertMalformed(() => encodeBegin({ host: 'a\0b', port: 1, ...PLAIN }), /cannot carry the host "a/);
});

test('CONNECTED: nothing, IPv4 with or without a time, IPv6', () => {
  assert.deepEqual(parseConnected(hex('')), {});
  assert.deepEqual(parseConnected(hex('20304050')), { address: '32.48.64.80', ttl: undefined });
  assert.deepEqual(parseConnected(hex('1112131415')), { address: '17.18.19.20', ttl: undefined });
  assert.deepEqual(parseConnected(hex('0203040500000e10')), { address: '2.3.4.5', ttl: 3600 });
  assert.deepEqual(parseConnected(hex('02030405f0000000')), { address: '2.3.4.5', ttl: undefined });
  const ipv6 = '00000000 06 2607f8b0400c0c020000000000000068';
  const address = '2607:f8b0:400c:c02::68';
  assert.deepEqual(parseConnected(hex(`${ipv6} 00000258`)), { address, ttl: 600 });
  assert.deepEqual(parseConnected(hex(`${ipv6} 90000258`)), { address, ttl: undefined });
  assertMalformed(() => parseConnected(hex('000102')));
  assertMalformed(
    () => parseConnected(hex('00000000 07 2607f8b0400c0c020000000000000068 90000258')),
    /type 7/,
  );
  assertMalformed(() => parseConnected(hex(`${ipv6} 000002`)), /time to live/);
});

test('CONNECTED is written so', () => {
  assert.deepEqual(encodeConnected(), hex(''));
  assert.deepEqual(encodeConnected('30.40.50.60', 1024), hex('1e28323c 00000400'));
  const ipv6 = '00000000 06 2620000006b0000b1a1a000026e5480e 00000e10';
  assert.deepEqual(encodeConnected('2620::6b0:b:1a1a:0:26e5:480e', 3600), hex(ipv6));
  assertMalformed(() => encodeConnected('a.example', 1));
});

test('END: any reason is read, an empty body means misc, a refused address is told', () => {
  assert.deepEqual(parseEnd(hex('')), { reason: END_REASON.misc });
  assert.deepEqual(parseEnd(hex('06')), { reason: END_REASON.done });
  assert.deepEqual(parseEnd(hex('fe0102030400000000')), { reason: 0xfe });
  const policy = encodeEnd(END_REASON.exitPolicy, '1.2.3.4', 60);
  assert.deepEqual(policy, hex('04 01020304 0000003c'));
  assert.deepEqual(parseEnd(policy), { reason: 4, address: '1.2.3.4', ttl: 60 });
  assert.deepEqual(parseEnd(encodeEnd(4, '2001:db8::1', 60)), { reason: 4, address: '2001:db8::1', ttl: 60 });
  assert.deepEqual(parseEnd(hex('0401020304')), { reason: 4, address: '1.2.3.4', ttl: undefined });
  assert.deepEqual(parseEnd(hex('04010203')), { reason: 4 });
  assert.deepEqual(encodeEnd(END_REASON.timeout, '1.2.3.4', 60), hex('07'));
});

test('RESOLVE: a name, or the reverse name of an address', () => {
  assert.deepEqual(encodeResolve('Www.Example.com'), raw('www.example.com\0'));
  assert.equal(parseResolve(raw('Www.Example.com\0junk')), 'www.example.com');
  assert.equal(reverseName('1.2.3.4'), '4.3.2.1.in-addr.arpa');
  assert.equal(addressOfReverseName('4.3.2.1.in-addr.arpa'), '1.2.3.4');
  assert.equal(addressOfReverseName('256.3.2.1.in-addr.arpa'), undefined);
  const ipv6 = reverseName('2001:db8::567:89ab');
  assert.match(ipv6, /^b\.a\.9\.8\.7\.6\.5\.0\.0\..*8\.b\.d\.0\.1\.0\.0\.2\.ip6\.arpa$/);
  assert.equal(addressOfReverseName(parseResolve(encodeResolve(ipv6))), '2001:db8::567:89ab');
  assert.equal(addressOfReverseName('www.example.com'), undefined);
  for (const body of ['', 'a.example', '\0', 'a b\0', `${'a'.repeat(256)}\0`])
    assertMalformed(() => parseResolve(raw(body)));
  assertMalformed(() => encodeResolve('a b'));
  assertMalformed(() => reverseName('a.example'));
});

const V4 = '0404 7f00020a 00000100';
const V6 = '0610 20029090000000000000 0000f0f0abcd 02000001';
const NAME = '0011' + raw('motherbrain.zebes').toString('hex') + '00000000';
const ERROR = 'f02b' + raw("I'm sorry, Dave. I'm afraid I can't do that").toString('hex') + '00112233';
const UNKNOWN = 'ee16' + raw('fault in the AE35 unit').toString('hex') + '09090101';
const ANSWERS = {
  v4: { address: '127.0.2.10', ttl: 256 },
  v6: { address: '2002:9090::f0f0:abcd', ttl: 0x2000001 },
  name: { hostname: 'motherbrain.zebes', ttl: 0 },
};

test('RESOLVED: answers of each kind, errors, unknown kinds', () => {
  assert.deepEqual(parseResolved(hex('')), { answers: [] });
  assert.deepEqual(parseResolved(hex(V4)), { answers: [ANSWERS.v4] });
  assert.deepEqual(parseResolved(hex(V6)), { answers: [ANSWERS.v6] });
  assert.deepEqual(parseResolved(hex(NAME)), { answers: [ANSWERS.name] });
  assert.deepEqual(parseResolved(hex(ERROR)), { answers: [], error: 'transient' });
  assert.deepEqual(parseResolved(hex('f10000000000')), { answers: [], error: 'permanent' });
  assert.deepEqual(parseResolved(hex(UNKNOWN)), { answers: [] });
  const all = hex(UNKNOWN + ERROR + V6 + V4 + NAME);
  assert.deepEqual(parseResolved(all), { answers: [ANSWERS.v6, ANSWERS.v4, ANSWERS.name] });
});

test('RESOLVED: wrong lengths and cut off answers are malformed', () => {
  const bad = [
    '04037a7a7a31323334',
    `${V4} 04057a7a7a7a7a31323334`,
    '06037a7a7a31323334',
    `${V4} 061078787878`,
  ];
  for (const body of [...bad, '000078787878', '04', 'ee']) assertMalformed(() => parseResolved(hex(body)));
  for (const body of [V4, NAME, UNKNOWN])
    assertMalformed(() => parseResolved(hex(body).subarray(0, -1)), /time to live/);
});

test('RESOLVED is written with IPv4 first, as many answers as fit, and an error for none', () => {
  assert.deepEqual(encodeAnswers([ANSWERS.v6, ANSWERS.v4, ANSWERS.name]), hex(V4 + V6 + NAME));
  assert.deepEqual(encodeResolved(['127.0.2.10'], 256), hex(V4));
  assert.deepEqual(parseResolved(encodeResolved([], 60)), { answers: [], error: 'permanent' });
  assert.deepEqual(parseResolved(encodeResolveError('transient')), { answers: [], error: 'transient' });
  const many = encodeResolved(Array<string>(100).fill('1.2.3.4'), 1);
  assert.equal(many.length, 490);
  assertMalformed(() => encodeResolved(['a.example'], 1));
  assertMalformed(() => encodeAnswers([{ hostname: '', ttl: 1 }]));
});

test('SENDME: nothing, or version 1 with the digest of a cell', () => {
  const digest = Buffer.alloc(20, 7);
  assert.deepEqual(encodeSendme({ version: 1, digest }), Buffer.concat([hex('010014'), digest]));
  assert.deepEqual(encodeSendme({ version: 0 }), hex(''));
  assert.deepEqual(parseSendme(hex('')), { version: 0 });
  assert.deepEqual(parseSendme(hex('00ffffaa')), { version: 0 });
  const longer = Buffer.concat([hex('010016'), digest, hex('aabbcc')]);
  assert.deepEqual(parseSendme(longer), { version: 1, digest });
  assertMalformed(() => parseSendme(hex('02 0014 00')), /unknown version 2/);
  assertMalformed(() => parseSendme(Buffer.concat([hex('010013'), digest])), /digest of 19 bytes/);
  assertMalformed(() => parseSendme(hex('010014 00')), /data needs 20 bytes/);
  assertMalformed(() => encodeSendme({ version: 1, digest: digest.subarray(1) }));
});
