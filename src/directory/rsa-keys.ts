import { constants, createHash, createPublicKey, privateEncrypt, publicDecrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { toHex } from './text-codec.js';

/**
 * RSA keys as directory documents use them (dir-spec 1.3; tor-spec 0.3): DER of PKCS#1 RSAPublicKey. Their signatures are
 * PKCS#1 v1.5 padding around the bare digest, without the identifier of the hash: hence no `sign` and `verify` here.
 */

/** The public key of DER PKCS#1 bytes, or undefined. */
export function rsaPublicKey(der: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'pkcs1' });
    // Trailing or non-canonical bytes would give one key many fingerprints.
    return Buffer.compare(rsaPublicDer(key), der) === 0 ? key : undefined;
  } catch {
    return undefined;
  }
}

/** DER PKCS#1 of the public half of a key. */
export function rsaPublicDer(key: KeyObject): Uint8Array {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return new Uint8Array(half.export({ format: 'der', type: 'pkcs1' }));
}

/** A 1024-bit key with exponent 65537: the only kind that identities and TAP onion keys may be. */
export function isStandardRsaKey(key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails;
  return details?.modulusLength === 1024 && details.publicExponent === 65537n;
}

/** SHA-1 of the key's DER: a relay's or authority's identity digest, 20 bytes. */
export function rsaDigest(der: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(der).digest());
}

/** The identity digest in 40 upper-case hexadecimal digits. */
export function rsaFingerprint(der: Uint8Array): string {
  return toHex(rsaDigest(der));
}

/** Signs the bare bytes of `digest` (or of anything short). */
export function signRsa(key: KeyObject, digest: Uint8Array): Uint8Array {
  return new Uint8Array(privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digest));
}

/**
 * Whether `signature` is over bytes that begin with `digest`: what follows it is for later versions to define.
 * Never throws.
 */
export function verifyRsa(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  try {
    const signed = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
    return signed.length >= digest.length && signed.subarray(0, digest.length).equals(digest);
  } catch {
    return false;
  }
}
