import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Curve25519KeyPair } from '../../../src/dialect/tor/curve25519.js';
import { NtorClient } from '../../../src/dialect/tor/ntor-client.js';
import { NTOR } from '../../vectors/tor/ntor.js';
import { assertMalformed, hex } from './malformed.js';

const target = { rsaDigest: hex(NTOR.rsaDigest), ntorKey: hex(NTOR.B) };
const answer = hex(NTOR.Y + NTOR.auth);

function client(): NtorClient {
  return new NtorClient(target, Curve25519KeyPair.fromSecretKey(hex(NTOR.x)));
}

test('the payload of CREATE2 is type 2 and 84 bytes: node ID, onion key, own key', () => {
  const payload = Buffer.from(client().payload).toString('hex');
  assert.equal(payload, '00020054' + NTOR.rsaDigest + NTOR.B + NTOR.X);
});

test('the answer gives 72 bytes of keys; padding after it is ignored', () => {
  assert.equal(Buffer.from(client().finish(answer)).toString('hex'), NTOR.keys);
  const padded = Buffer.concat([answer, Buffer.alloc(10)]);
  assert.equal(Buffer.from(client().finish(padded)).toString('hex'), NTOR.keys);
});

test('an answer changed in any byte proves nothing', () => {
  for (const at of [0, 31, 32, 63]) {
    const changed = Buffer.from(answer);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => client().finish(changed), { code: 'ERR_KIST_HOP_HANDSHAKE', message: /onion key/ });
  }
});

test('another relay, another onion key and another client prove nothing', () => {
  const fails = { code: 'ERR_KIST_HOP_HANDSHAKE' };
  const keyPair = Curve25519KeyPair.fromSecretKey(hex(NTOR.x));
  const otherId = new NtorClient({ ...target, rsaDigest: Buffer.alloc(20, 9) }, keyPair);
  assert.throws(() => otherId.finish(answer), fails);
  assert.throws(() => new NtorClient({ ...target, ntorKey: hex(NTOR.X) }, keyPair).finish(answer), fails);
  assert.throws(() => new NtorClient(target).finish(answer), fails);
});

test('short answers, keys of small order and keys of a wrong length are malformed', () => {
  assertMalformed(() => client().finish(answer.subarray(0, 63)), /63 bytes/);
  assertMalformed(() => client().finish(Buffer.concat([Buffer.alloc(32), answer.subarray(32)])), /no secret/);
  assertMalformed(() => new NtorClient({ ...target, ntorKey: Buffer.alloc(31) }));
  assertMalformed(() => new NtorClient({ ...target, rsaDigest: Buffer.alloc(32) }));
});

test('every handshake has a key of its own', () => {
  assert.notDeepEqual(new NtorClient(target).payload, new NtorClient(target).payload);
});
