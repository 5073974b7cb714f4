import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeRegistration,
  describeRegistration,
  encodeRegistration,
} from '../../src/dialect/tor61/registration-codec.js';
import type { RegistrationMessage } from '../../src/dialect/tor61/registration-codec.js';
import {
  agentIdOf,
  formatRouterName,
  parseRouterName,
  routerLabel,
  routerNumberOf,
} from '../../src/dialect/tor61/router-name.js';

// Written by hand from the format: magic, sequence, command, fields.
const VECTORS: [string, RegistrationMessage][] = [
  [
    'c461 07 01 7f000001 b415 0c4b0002 15' + '546f723631526f757465722d333134372d30303032',
    {
      command: 'register',
      sequence: 7,
      ip: '127.0.0.1',
      port: 46101,
      data: 0x0c4b0002,
      name: 'Tor61Router-3147-0002',
    },
  ],
  ['c461 07 02 012c', { command: 'registered', sequence: 7, lifetimeSeconds: 300 }],
  ['c461 ff 03 00', { command: 'fetch', sequence: 255, prefix: '' }],
  ['c461 00 03 05 546f723631', { command: 'fetch', sequence: 0, prefix: 'Tor61' }],
  ['c461 08 04 00', { command: 'fetchResponse', sequence: 8, entries: [] }],
  [
    'c461 08 04 02 c0a80001 0050 ffffffff 0a0b0c0d ffff 00390001',
    {
      command: 'fetchResponse',
      sequence: 8,
      entries: [
        { ip: '192.168.0.1', port: 80, data: 0xffffffff },
        { ip: '10.11.12.13', port: 65535, data: 0x00390001 },
      ],
    },
  ],
  ['c461 09 05 7f000001 1f90', { command: 'unregister', sequence: 9, ip: '127.0.0.1', port: 8080 }],
  ['c461 0a 06', { command: 'probe', sequence: 10 }],
  ['c461 0a 07', { command: 'ack', sequence: 10 }],
];

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

for (const [hex, message] of VECTORS) {
  test(`${message.command} is read and written as ${hex.slice(0, 24)}`, () => {
    assert.deepEqual(decodeRegistration(bytesOf(hex)), message);
    assert.equal(encodeRegistration(message).toString('hex'), bytesOf(hex).toString('hex'));
  });
}

test('every cut of a message, and every byte too many, is refused', () => {
  for (const [hex] of VECTORS) {
    const bytes = bytesOf(hex);
    const isMalformed = { code: 'ERR_KIST_REGISTRATION_MESSAGE', kind: 'peer' };
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeRegistration(bytes.subarray(0, length)), isMalformed);
    }
    assert.throws(() => decodeRegistration(Buffer.concat([bytes, Buffer.from([0])])), /too long: 1 bytes/);
  }
});

test('errors name what is wrong', () => {
  const cases: [string, RegExp][] = [
    ['', /datagram is too short: magic number needs 2 bytes, 0 are left/],
    ['1234 00 01', /magic number is 0x1234, not 0xc461/],
    ['c461 00 08', /unknown command 8/],
    ['c461 00 00', /unknown command 0/],
    ['c461 00 01 7f0000', /Register is too short: ip needs 4 bytes, 3 are left/],
    ['c461 00 01 7f000001 0050 00000000 04 6161', /Register is too short: name needs 4 bytes, 2 are left/],
    ['c461 00 04 02 7f000001 0050 00000000', /FetchResponse is too short: ip of entry 2 of 2/],
    ['c461 00 07 00', /ACK is too long: 1 bytes are left over/],
  ];
  for (const [hex, message] of cases) assert.throws(() => decodeRegistration(bytesOf(hex)), message);
});

test('values that do not fit are refused by name', () => {
  const entry = { ip: '1.2.3.4', port: 1, data: 1 };
  const cases: [RegistrationMessage, RegExp][] = [
    [{ command: 'ack', sequence: 256 }, /sequence number must be an integer from 0 to 255, got 256/],
    [{ command: 'register', sequence: 0, ip: '::1', port: 1, data: 1, name: '' }, /ip must be a dotted IPv4/],
    [{ command: 'register', sequence: 0, ip: '1.2.3.4', port: 1.5, data: 1, name: '' }, /port must be/],
    [{ command: 'register', sequence: 0, ip: '1.2.3.4', port: 1, data: -1, name: '' }, /data must be/],
    [{ command: 'fetch', sequence: 0, prefix: 'x'.repeat(256) }, /prefix is 256 bytes long, at most 255/],
    [{ command: 'fetch', sequence: 0, prefix: '\u20ac' }, /prefix has characters/],
    [{ command: 'fetchResponse', sequence: 0, entries: Array(256).fill(entry) }, /number of entries/],
    [{ command: 'registered', sequence: 0, lifetimeSeconds: 65536 }, /lifetime must be/],
  ];
  for (const [message, pattern] of cases) {
    assert.throws(() => encodeRegistration(message), pattern);
    assert.throws(() => encodeRegistration(message), { code: 'ERR_KIST_REGISTRATION_MESSAGE' });
  }
});

test('a description shows no control characters of a name', () => {
  const name = 'a\n\u001b[2J"\\\xff';
  const text = describeRegistration({ command: 'fetch', sequence: 1, prefix: name });
  assert.equal(text, 'fetch seq=1 prefix="a\\x0a\\x1b[2J\\x22\\x5c\\xff"');
});

test('router names and agent IDs follow the assignment', () => {
  assert.equal(formatRouterName(57, 1), 'Tor61Router-0057-0001');
  assert.equal(agentIdOf(57, 1), 0x00390001);
  assert.equal(agentIdOf(0xffff, 0xffff), 4294967295, 'agent IDs are unsigned');
  assert.deepEqual(routerNumberOf(4294967295), { group: 65535, instance: 65535 });
  assert.deepEqual(parseRouterName('Tor61Router-0057-0001'), { group: 57, instance: 1 });
  assert.deepEqual(parseRouterName('Tor61Router-57-1'), { group: 57, instance: 1 });
  assert.equal(parseRouterName('Tor61Router-0abc-0001'), undefined);
  assert.equal(parseRouterName('Tor61Router-99999-0001'), undefined);
  assert.equal(parseRouterName('Tor61Router-0057'), undefined);
  assert.throws(() => formatRouterName(0, 1), /group number must be a whole number from 1 to 9999, got 0/);
  assert.throws(() => formatRouterName(1, 10000), { code: 'ERR_KIST_ROUTER_NAME', kind: 'operator' });
  assert.equal(routerLabel(0x00390001), 'Tor61Router-0057-0001');
  assert.equal(routerLabel(0xfedc0001), 'agent-fedc0001');
});
