import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import {
  CERT_KEY_TYPE,
  CERT_TYPE,
  checkEd25519Cert,
  encodeEd25519Cert,
  parseEd25519Cert,
  verifyEd25519,
} from '../../../src/directory/ed25519-cert.js';
import type { Ed25519CertFields } from '../../../src/directory/ed25519-cert.js';
import {
  checkRsaEdCrosscert,
  encodeRsaEdCrosscert,
  parseRsaEdCrosscert,
} from '../../../src/directory/rsa-ed-crosscert.js';
import { rawEd25519 } from '../../support/tor-link-identity.js';
import { assertMalformed, hex } from './malformed.js';

const NOW = 1_795_000_000;
const master = generateKeyPairSync('ed25519').privateKey;
const other = generateKeyPairSync('ed25519').privateKey;
const certifiedKey = Buffer.alloc(32, 0x42);
const signed = (bytes: Uint8Array): Buffer => sign(null, bytes, master);

function make(fields: Partial<Ed25519CertFields> = {}): Buffer {
  const type = CERT_TYPE.signing;
  const all = { type, keyType: CERT_KEY_TYPE.ed25519, certifiedKey, expiresAt: NOW + 3600, ...fields };
  return encodeEd25519Cert(all, signed);
}

/** With extensions written by hand, their number first, and a good signature. */
function withExtensions(extensions: string): Buffer {
  const body = Buffer.concat([make().subarray(0, 39), hex(extensions)]);
  return Buffer.concat([body, signed(body)]);
}

test('a certificate has every field at its place, and its expiry in whole hours, rounded up', () => {
  const signingKey = rawEd25519(master);
  const bytes = make({ expiresAt: 7201, signingKey });
  const head = '0104' + '00000003' + '01' + '42'.repeat(32) + '01' + '00200400';
  assert.equal(bytes.subarray(0, 44).toString('hex'), head);
  assert.deepEqual(bytes.subarray(44, 76), signingKey);
  assert.equal(bytes.length, 76 + 64);
  const cert = parseEd25519Cert(bytes);
  assert.deepEqual(
    { ...cert, bytes: undefined },
    {
      type: 4,
      expiresAt: 10800,
      keyType: 1,
      certifiedKey,
      signingKey,
      bytes: undefined,
    },
  );
  assert.deepEqual(Buffer.from(cert.bytes), bytes);
});

test('a good certificate passes with the key it names, and with one that the reader knows', () => {
  const signingKey = rawEd25519(master);
  const check = { type: CERT_TYPE.signing, now: NOW };
  assert.deepEqual(checkEd25519Cert(parseEd25519Cert(make({ signingKey })), check), signingKey);
  assert.deepEqual(checkEd25519Cert(parseEd25519Cert(make()), { ...check, signingKey }), signingKey);
});

test('a certificate of another type, without a signer, by another signer, expired or changed does not', () => {
  const signingKey = rawEd25519(master);
  const fails = (bytes: Buffer, message: RegExp, options: object = {}): void => {
    const check = { type: CERT_TYPE.signing, now: NOW, signingKey, ...options };
    assert.throws(() => checkEd25519Cert(parseEd25519Cert(bytes), check), {
      code: 'ERR_KIST_CERTIFICATE',
      message,
    });
  };
  fails(make({ type: CERT_TYPE.link }), /type 5 instead of 4/);
  fails(make(), /does not say who signed it/, { signingKey: undefined });
  fails(make(), /wrong signature/, { signingKey: rawEd25519(other) });
  fails(make({ signingKey: rawEd25519(other) }), /signed by another key/);
  fails(make({ signingKey }), /signed by another key/, { signingKey: rawEd25519(other) });
  fails(make({ expiresAt: NOW - 3600 }), /expired \d+ s ago/);
  for (const at of [2, 6, 10, 60, 103]) {
    const changed = make();
    changed[at] = (changed[at] ?? 0) ^ (at === 2 ? 0x80 : 1);
    fails(changed, /wrong signature/);
  }
});

test('it is good up to the second in which it expires', () => {
  const signingKey = rawEd25519(master);
  const cert = parseEd25519Cert(make({ expiresAt: 7200, signingKey }));
  checkEd25519Cert(cert, { type: 4, now: 7200 });
  assert.throws(() => checkEd25519Cert(cert, { type: 4, now: 7201 }), /expired 1 s ago/);
});

test('extensions: unknown ones pass unless they affect validation', () => {
  assert.equal(parseEd25519Cert(withExtensions('01 0002 99 00 aabb')).signingKey, undefined);
  const key = '11'.repeat(32);
  const both = parseEd25519Cert(withExtensions(`02 0000 99 02 0020 04 01 ${key}`));
  assert.deepEqual(both.signingKey, hex(key));
  assertMalformed(() => parseEd25519Cert(withExtensions('01 0002 99 01 aabb')), /extension 153 that affects/);
  assertMalformed(
    () => parseEd25519Cert(withExtensions(`02 0020 04 00 ${key} 0020 04 00 ${key}`)),
    /two keys/,
  );
  assertMalformed(
    () => parseEd25519Cert(withExtensions('01 0010 04 00' + '11'.repeat(16))),
    /key of 16 bytes/,
  );
});

test('what is cut off, too long or of another version is malformed', () => {
  assertMalformed(() => parseEd25519Cert(Buffer.alloc(0)), /of 0 bytes/);
  assertMalformed(() => parseEd25519Cert(make().subarray(1)), /of 103 bytes/);
  assertMalformed(() => parseEd25519Cert(Buffer.concat([make(), hex('00')])), /1 bytes too many/);
  assertMalformed(() => parseEd25519Cert(withExtensions('01')), /extension 1 .* cut off/);
  assertMalformed(() => parseEd25519Cert(withExtensions('01 0003 99 00 aabb')), /cut off/);
  const version2 = make();
  version2[0] = 2;
  assertMalformed(() => parseEd25519Cert(version2), /version 2/);
  assertMalformed(() => make({ certifiedKey: Buffer.alloc(31) }));
});

test('keys and signatures of any bytes are judged without a throw', () => {
  const message = Buffer.from('message');
  assert.equal(verifyEd25519(rawEd25519(master), message, signed(message)), true);
  assert.equal(verifyEd25519(rawEd25519(other), message, signed(message)), false);
  for (const key of [Buffer.alloc(32), Buffer.alloc(32, 0xff), Buffer.alloc(31), Buffer.alloc(0)])
    assert.equal(verifyEd25519(key, message, signed(message)), false);
  assert.equal(verifyEd25519(rawEd25519(master), message, Buffer.alloc(63)), false);
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const edKey = Buffer.alloc(32, 7);

test('an RSA to Ed25519 cross-certificate: key, hours, signature of a bare digest', () => {
  const bytes = encodeRsaEdCrosscert(edKey, 3601, rsa.privateKey);
  assert.equal(bytes.subarray(0, 37).toString('hex'), '07'.repeat(32) + '00000002' + '80');
  assert.equal(bytes.length, 37 + 128);
  const cert = parseRsaEdCrosscert(bytes);
  assert.equal(cert.expiresAt, 7200);
  checkRsaEdCrosscert(cert, rsa.publicKey, edKey, 7200);
});

test('a cross-certificate about another key, expired, changed or by another RSA key does not pass', () => {
  const good = encodeRsaEdCrosscert(edKey, 7200, rsa.privateKey);
  const fails = (bytes: Buffer, message: RegExp, now = 0, key = rsa.publicKey): void => {
    assert.throws(() => checkRsaEdCrosscert(parseRsaEdCrosscert(bytes), key, edKey, now), {
      code: 'ERR_KIST_CERTIFICATE',
      message,
    });
  };
  fails(encodeRsaEdCrosscert(Buffer.alloc(32, 8), 7200, rsa.privateKey), /another Ed25519 identity/);
  fails(good, /expired 1 s ago/, 7201);
  fails(good, /wrong signature/, 0, generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey);
  fails(
    good,
    /wrong signature/,
    0,
    createPublicKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  );
  for (const at of [33, 37, 164]) {
    const changed = Buffer.from(good);
    changed[at] = (changed[at] ?? 0) ^ 1;
    fails(changed, /wrong signature/);
  }
  assertMalformed(() => parseRsaEdCrosscert(good.subarray(0, -1)), /of 164 bytes/);
  assertMalformed(() => parseRsaEdCrosscert(Buffer.concat([good, hex('00')])));
  assertMalformed(() => parseRsaEdCrosscert(good.subarray(0, 36)));
});
