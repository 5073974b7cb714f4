import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { verifyEd25519 } from '../../../src/directory/ed25519-cert.js';
import {
  ed25519FromCurve25519,
  ed25519KeyFromCurve25519,
  ExpandedEd25519Key,
} from '../../../src/directory/ed25519-keys.js';
import { vectorFile } from './support.js';

interface Vectors {
  seeds: string[];
  expanded: string[];
  publicKeys: string[];
  curve25519PublicKeys: string[];
  selfSignatures: string[];
}
const vectors = JSON.parse(vectorFile('ed25519.json').toString('utf8')) as Vectors;
const bytes = (hex: string | undefined): Uint8Array => new Uint8Array(Buffer.from(hex ?? '', 'hex'));
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

test('seeds expand to the published keys, which sign as published', () => {
  vectors.seeds.forEach((seed, index) => {
    const key = ExpandedEd25519Key.fromSeed(bytes(seed));
    assert.equal(hex(key.toBytes()), vectors.expanded[index]);
    assert.equal(hex(key.publicKey), vectors.publicKeys[index]);
    assert.equal(hex(key.sign(key.publicKey)), vectors.selfSignatures[index]);
    const loaded = new ExpandedEd25519Key(bytes(vectors.expanded[index]));
    assert.equal(hex(loaded.sign(loaded.publicKey)), vectors.selfSignatures[index]);
  });
});

test('published Curve25519 keys become the published Ed25519 keys', () => {
  vectors.curve25519PublicKeys.forEach((curve, index) => {
    const expected = bytes(vectors.publicKeys[index]);
    const sign = (expected[31] ?? 0) & 0x80 ? 1 : 0;
    const converted = ed25519FromCurve25519(bytes(curve), sign);
    assert.ok(converted !== undefined);
    assert.deepEqual(converted, expected);
    assert.notDeepEqual(ed25519FromCurve25519(bytes(curve), sign === 1 ? 0 : 1), expected);
  });
});

test('the Curve25519 key that has no Ed25519 form is refused', () => {
  // u = p - 1: u + 1 has no inverse.
  const minusOne = Uint8Array.from({ length: 32 }, (_, index) =>
    index === 0 ? 0xec : index === 31 ? 0x7f : 0xff,
  );
  assert.equal(ed25519FromCurve25519(minusOne, 0), undefined);
  assert.equal(ed25519FromCurve25519(new Uint8Array(31), 0), undefined);
});

test('any message signed by an expanded key verifies, and no other does', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 200 }),
      (seed, message) => {
        const key = ExpandedEd25519Key.fromSeed(seed);
        const signature = key.sign(message);
        assert.ok(verifyEd25519(key.publicKey, message, signature));
        assert.ok(!verifyEd25519(key.publicKey, Uint8Array.of(...message, 0), signature));
      },
    ),
    { numRuns: 20 },
  );
});

test('an ntor secret key signs as the key that others convert its public key to', () => {
  const signs = new Set<number>();
  for (let round = 0; round < 12; round += 1) {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    const secret = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32));
    const curve = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
    const { key, signBit } = ed25519KeyFromCurve25519(secret);
    signs.add(signBit);
    assert.deepEqual(ed25519FromCurve25519(curve, signBit), key.publicKey);
    assert.ok(verifyEd25519(key.publicKey, curve, key.sign(curve)));
  }
  assert.equal(signs.size, 2, 'twelve keys should have both signs');
});
