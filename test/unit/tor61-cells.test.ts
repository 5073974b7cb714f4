import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeLinkCell, parseLinkCell } from '../../src/dialect/tor61/cells.js';
import {
  encodeBegin,
  encodeExtend,
  parseBegin,
  parseExtend,
} from '../../src/dialect/tor61/relay-messages.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const malformed = { code: 'ERR_KIST_MALFORMED' };

test('OPEN is 512 bytes: circuit 0, command 5, the opener, the opened', () => {
  const cell = encodeLinkCell({ command: 5, circId: 0, openerId: 0x00390001, openedId: 0xfffefdfc });
  assert.equal(cell.length, 512);
  assert.equal(cell.subarray(0, 11).toString('hex'), '000005' + '00390001' + 'fffefdfc');
  assert.ok(cell.subarray(11).every((byte) => byte === 0));
  assert.deepEqual(parseLinkCell(cell), {
    command: 5,
    circId: 0,
    openerId: 0x00390001,
    openedId: 0xfffefdfc,
  });
});

test('BEGIN is sent with a NUL that the length counts', () => {
  assert.deepEqual(encodeBegin({ host: 'example.com', port: 80 }), bytes('example.com:80\0'));
  assert.deepEqual(encodeBegin({ host: '2001:db8::1', port: 443 }), bytes('[2001:db8::1]:443\0'));
});

test('BEGIN is read with and without a counted NUL, names and addresses, junk after the NUL ignored', () => {
  const cases: [string, string, number][] = [
    ['example.com:80\0', 'example.com', 80],
    ['example.com:80', 'example.com', 80],
    ['10.1.2.3:8080\0', '10.1.2.3', 8080],
    ['host_1.local:443\0garbage:1', 'host_1.local', 443],
    ['[2001:db8::1]:443\0', '2001:db8::1', 443],
    ['::1:80\0', '::1', 80],
    ['a:65535', 'a', 65535],
  ];
  for (const [body, host, port] of cases) assert.deepEqual(parseBegin(bytes(body)), { host, port }, body);
});

test('a BEGIN that names nothing to connect to is malformed', () => {
  const bodies = [
    '',
    '\0',
    'example.com',
    ':80',
    'a:',
    'a:0',
    'a:65536',
    'a:-1',
    'a: 80',
    'a b:80',
    'a:8x',
    '[a]b:80',
  ];
  bodies.push(
    '[zz::1]:80',
    'x'.repeat(256) + ':80',
    'a/b:80',
    'fe80::1%eth0:80',
    '1:2:3:80',
    'ex\u00e4mple:80',
  );
  for (const body of bodies) assert.throws(() => parseBegin(bytes(body)), malformed, JSON.stringify(body));
});

test('EXTEND is sent with the ID in 4 bytes', () => {
  const body = encodeExtend({ host: '10.1.2.3', port: 46200, agentId: 0xfffe003a });
  assert.equal(body.toString('hex'), bytes('10.1.2.3:46200\0').toString('hex') + 'fffe003a');
  assert.throws(() => encodeExtend({ host: 'example.com', port: 1, agentId: 1 }), malformed);
});

test('EXTEND is read in both ID forms, with NUL and colon bytes in the ID, and with a slash in front', () => {
  const binary = (address: string, id: string): Buffer =>
    Buffer.concat([bytes(`${address}\0`), Buffer.from(id, 'hex')]);
  const cases: [Buffer, string, number, number][] = [
    [binary('1.2.3.4:500', '00390001'), '1.2.3.4', 500, 0x00390001],
    [binary('1.2.3.4:500', '003a003a'), '1.2.3.4', 500, 0x003a003a],
    [binary('1.2.3.4:500', '31323334'), '1.2.3.4', 500, 0x31323334],
    [binary('/1.2.3.4:500', 'ffffffff'), '1.2.3.4', 500, 0xffffffff],
    [bytes('1.2.3.4:500\x0065536'), '1.2.3.4', 500, 65536],
    [bytes('1.2.3.4:500\x004294967295'), '1.2.3.4', 500, 0xffffffff],
    [bytes('1.2.3.4:500\x00-1'.padEnd(17, '0')), '1.2.3.4', 500, 0xfffffc18],
    [bytes('host/1.2.3.4:500\x00-2147483648'), '1.2.3.4', 500, 0x80000000],
    [bytes('1.2.3.4:500\x0065537\0'), '1.2.3.4', 500, 65537],
  ];
  for (const [body, host, port, agentId] of cases) {
    assert.deepEqual(parseExtend(body), { host, port, agentId }, body.toString('latin1'));
  }
});

test('an EXTEND without an address, a port or an ID is malformed', () => {
  const bodies = [
    '',
    '1.2.3.4:500',
    '1.2.3.4:500\0',
    '1.2.3.4:500\0abc',
    '1.2.3.4:500\x00123',
    'name:500\0abcd',
  ];
  bodies.push(
    '1.2.3.4:0\0abcd',
    '1.2.3.4\0abcd',
    '\0abcd',
    '1.2.3.4:500\x0099999999999',
    '1.2.3.4:500\x00-2147483649',
  );
  bodies.push('1.2.3.4:500\x0012345678901234', '1.2.3.4:500\x0012a45');
  for (const body of bodies) assert.throws(() => parseExtend(bytes(body)), malformed, JSON.stringify(body));
});
