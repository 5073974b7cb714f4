import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Curve25519KeyPair } from '../../../src/dialect/tor/curve25519.js';
import { encodeExtensions, NtorV3Client, parseExtensions } from '../../../src/dialect/tor/ntor-v3-client.js';
import type { NtorV3Options } from '../../../src/dialect/tor/ntor-v3-client.js';
import { NTOR_V3 } from '../../vectors/tor/ntor-v3.js';
import { assertMalformed, hex } from './malformed.js';

const target = { ed25519Identity: hex(NTOR_V3.id), ntorKey: hex(NTOR_V3.B) };
const answer = hex(NTOR_V3.serverHandshake);

function client(options: NtorV3Options = {}): NtorV3Client {
  return new NtorV3Client(target, {
    keyPair: Curve25519KeyPair.fromSecretKey(hex(NTOR_V3.x)),
    verification: hex(NTOR_V3.verification),
    message: hex(NTOR_V3.clientMessage),
    ...options,
  });
}

test('the handshake of the proposal', () => {
  const hop = client();
  const length = (NTOR_V3.clientHandshake.length / 2).toString(16).padStart(4, '0');
  assert.equal(Buffer.from(hop.payload).toString('hex'), `0003${length}${NTOR_V3.clientHandshake}`);
  const { keys, message } = hop.open(answer, 256);
  assert.equal(message.toString('hex'), NTOR_V3.serverMessage);
  assert.equal(keys.toString('hex'), NTOR_V3.keystream);
});

test('an answer changed in any byte, or meant for another message or verification, proves nothing', () => {
  const fails = { code: 'ERR_KIST_HOP_HANDSHAKE', message: /ntor-v3 does not prove/ };
  for (const at of [0, 32, 63, 64, answer.length - 1]) {
    const changed = Buffer.from(answer);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => client().open(changed, 72), fails);
  }
  assert.throws(() => client().open(answer.subarray(0, -1), 72), fails);
  assert.throws(() => client({ message: hex('00') }).open(answer, 72), fails);
  assert.throws(() => client({ verification: hex('00') }).open(answer, 72), fails);
});

test('short answers and keys of a wrong length are malformed', () => {
  assertMalformed(() => client().finish(answer.subarray(0, 63)), /63 bytes/);
  assertMalformed(() => client().finish(Buffer.concat([Buffer.alloc(32), answer.subarray(32)])), /no secret/);
  assertMalformed(() => new NtorV3Client({ ...target, ntorKey: Buffer.alloc(31) }));
});

test("what the relay says must be a list of extensions: the proposal's is not", () => {
  assertMalformed(() => client().finish(answer), /ntor-v3 message/);
  const extensions = [
    { type: 1, body: hex('') },
    { type: 2, body: hex('1f') },
  ];
  assert.equal(encodeExtensions(extensions).toString('hex'), '02' + '0100' + '02011f');
  assert.deepEqual(parseExtensions(hex('020100 02011f')), extensions);
  assert.deepEqual(parseExtensions(hex('00')), []);
  for (const message of ['', '01', '0101', '010201'])
    assertMalformed(() => parseExtensions(hex(message)), /an ntor-v3 message/);
});

test('without extensions the message is one byte, and every handshake has a key of its own', () => {
  const [one, other] = [new NtorV3Client(target).payload, new NtorV3Client(target).payload];
  assert.equal(one.length, 4 + 96 + 1 + 32);
  assert.notDeepEqual(one, other);
});
