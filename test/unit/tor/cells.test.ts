import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressFromBytes, addressToBytes, hostBytes } from '../../../src/dialect/tor/addresses.js';
import {
  CELL_BYTES,
  COMMAND,
  commandName,
  encodeFixedCell,
  encodeVariableCell,
  payloadOf,
} from '../../../src/dialect/tor/cells.js';
import {
  DESTROY_REASON,
  destroyReasonName,
  END_REASON,
  endReasonName,
  parseDestroyReason,
} from '../../../src/dialect/tor/reasons.js';
import { assertMalformed, hex } from './malformed.js';

test('a fixed cell has 514 bytes: circuit ID, command, payload, zeroes', () => {
  const cell = encodeFixedCell(COMMAND.destroy, 0x80000102, Buffer.from([DESTROY_REASON.protocol]));
  assert.equal(cell.length, CELL_BYTES);
  assert.equal(cell.toString('hex').replace(/0+$/, ''), '80000102040' + '1');
  assert.equal(parseDestroyReason(cell), DESTROY_REASON.protocol);
  assert.deepEqual(payloadOf(cell, COMMAND.destroy).subarray(0, 1), Buffer.from([1]));
  assertMalformed(
    () => encodeFixedCell(COMMAND.create2, 1, Buffer.alloc(510)),
    /CREATE2 cannot carry 510 bytes/,
  );
});

test('a variable cell carries its length; only VERSIONS has a circuit ID of 2 bytes', () => {
  assert.equal(encodeVariableCell(COMMAND.vpadding, hex('aabb')).toString('hex'), '00000000800002aabb');
  assert.equal(encodeVariableCell(COMMAND.versions, hex('0004')).toString('hex'), '00000700020004');
  assert.deepEqual(payloadOf(hex('00000000800002aabb'), COMMAND.vpadding), hex('aabb'));
  assertMalformed(() => payloadOf(hex('00000000800003aabb'), COMMAND.vpadding), /length 3 with 2 bytes/);
  assertMalformed(() => payloadOf(hex('00000000800001aabb'), COMMAND.vpadding));
  assertMalformed(() => payloadOf(hex('000000008000'), COMMAND.vpadding), /a VPADDING cell of 6 bytes/);
  assertMalformed(() => payloadOf(hex('00000000800000'), COMMAND.certs), /command 128 in place of CERTS/);
  assertMalformed(() => encodeVariableCell(COMMAND.certs, Buffer.alloc(65536)));
});

test('commands and reasons have names, unknown ones their numbers', () => {
  assert.equal(commandName(COMMAND.authChallenge), 'AUTH_CHALLENGE');
  assert.equal(commandName(99), 'command 99');
  assert.equal(destroyReasonName(DESTROY_REASON.resourceLimit), 'resourceLimit');
  assert.equal(endReasonName(END_REASON.exitPolicy), 'exitPolicy');
  assert.equal(endReasonName(200), 'reason 200');
  assert.equal(parseDestroyReason(hex('0000000104')), DESTROY_REASON.none);
});

test('addresses are written as people write them and read back', () => {
  const pairs = [
    ['18.244.0.1', '12f40001'],
    ['2620:0:6b0:b:1a1a:0:26e5:480e', '2620000006b0000b1a1a000026e5480e'],
    ['2607:f8b0:400c:c02::68', '2607f8b0400c0c020000000000000068'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
    ['1::', '00010000000000000000000000000000'],
  ] as const;
  for (const [text, bytes] of pairs) {
    assert.equal(addressToBytes(text)?.toString('hex'), bytes);
    assert.equal(addressFromBytes(hex(bytes)), text);
  }
  assert.equal(addressToBytes('64:ff9b::1.2.3.4')?.toString('hex'), '0064ff9b000000000000000001020304');
  assert.equal(addressToBytes('::ffff:1.2.3.4')?.toString('hex'), '01020304');
});

test('what is no address has no bytes', () => {
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '::1%lo', '[::1]', 'fe80::g'])
    assert.equal(addressToBytes(text), undefined, text);
  assert.equal(hostBytes('[2001:db8::2]:9001')?.length, 16);
  assert.equal(hostBytes('2001:db8::2:9001')?.length, 16);
  assert.equal(hostBytes('1.2.3.4:443')?.toString('hex'), '01020304');
  assert.equal(hostBytes('relay.example:443'), undefined);
  assert.equal(hostBytes(''), undefined);
});
