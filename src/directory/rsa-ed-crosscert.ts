/**
 * The certificate of an Ed25519 identity by an RSA identity (cert-spec 2.3; type 7 in CERTS cells):
 *
 *     0 Ed25519 key (32) | 32 expiry in hours since 1970 (4) | 36 length of the signature (1) | 37 signature
 */
import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KistError } from '../util/errors.js';
import { signRsa, verifyRsa } from './rsa-keys.js';

const PREFIX = Buffer.from('Tor TLS RSA/Ed25519 cross-certificate', 'latin1');
const SIGNED_BYTES = 36;
const HOUR_SECONDS = 3600;

function digestOf(signedPart: Uint8Array): Buffer {
  return createHash('sha256').update(PREFIX).update(signedPart).digest();
}

export interface RsaEdCrosscert {
  readonly ed25519Key: Uint8Array;
  /** Seconds since 1970, a whole hour. */
  readonly expiresAt: number;
  readonly signedPart: Uint8Array;
  readonly signature: Uint8Array;
}

/** `expiresAt` is rounded up to whole hours. */
export function encodeRsaEdCrosscert(
  ed25519Key: Uint8Array,
  expiresAt: number,
  rsaPrivateKey: KeyObject,
): Buffer {
  const signedPart = Buffer.alloc(SIGNED_BYTES);
  signedPart.set(ed25519Key);
  signedPart.writeUInt32BE(Math.ceil(expiresAt / HOUR_SECONDS), 32);
  const signature = signRsa(rsaPrivateKey, digestOf(signedPart));
  return Buffer.concat([signedPart, Buffer.from([signature.length]), signature]);
}

export function parseRsaEdCrosscert(bytes: Uint8Array): RsaEdCrosscert {
  const length = bytes[SIGNED_BYTES];
  if (length === undefined || bytes.length !== SIGNED_BYTES + 1 + length) {
    const message = `an RSA to Ed25519 cross-certificate of ${bytes.length} bytes`;
    throw new KistError('ERR_KIST_MALFORMED', message);
  }
  const hours = new DataView(bytes.buffer, bytes.byteOffset).getUint32(32);
  return {
    ed25519Key: bytes.subarray(0, 32),
    expiresAt: hours * HOUR_SECONDS,
    signedPart: bytes.subarray(0, SIGNED_BYTES),
    signature: bytes.subarray(SIGNED_BYTES + 1),
  };
}

/** Throws a KistError (ERR_KIST_CERTIFICATE) unless the RSA key vouches for that Ed25519 key now (seconds). */
export function checkRsaEdCrosscert(
  cert: RsaEdCrosscert,
  rsaPublicKey: KeyObject,
  ed25519Key: Uint8Array,
  now: number,
): void {
  const fail = (why: string): KistError =>
    new KistError('ERR_KIST_CERTIFICATE', `the RSA to Ed25519 cross-certificate ${why}`);
  if (Buffer.compare(cert.ed25519Key, ed25519Key) !== 0) throw fail('is about another Ed25519 identity');
  if (cert.expiresAt < now) throw fail(`expired ${now - cert.expiresAt} s ago`);
  if (!verifyRsa(rsaPublicKey, digestOf(cert.signedPart), cert.signature))
    throw fail('has a wrong signature');
}
