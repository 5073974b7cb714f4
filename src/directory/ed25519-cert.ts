/**
 * Ed25519 certificates (cert-spec 2.1): bytes in, value out, and back. Used in CERTS cells (types 4, 5, 6) and in
 * server descriptors (types 4, 0A). Who may sign what, and whether a certificate is still good, its reader says: parsing alone
 * proves nothing.
 */
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { KistError } from '../util/errors.js';

/** CERT_TYPE (cert-spec A.1). */
export const CERT_TYPE = {
  /** Signing key, by the identity key. */
  signing: 4,
  /** SHA-256 of a TLS certificate, by the signing key. */
  link: 5,
  /** Authentication key, by the signing key. */
  authentication: 6,
  onionServiceDescriptor: 8,
  onionServiceAuthentication: 9,
  /** Identity key, by the ntor onion key as an Ed25519 key. */
  ntorCross: 0x0a,
  onionServiceEncryption: 0x0b,
  /** Identity key, by a family key. */
  family: 0x0c,
} as const;

/** CERT_KEY_TYPE (cert-spec A.4). Old relays write `ed25519` for everything. */
export const CERT_KEY_TYPE = { ed25519: 1, rsaDigest: 2, x509Digest: 3 } as const;

const VERSION = 1;
const HEAD_BYTES = 40;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SIGNED_WITH_KEY = 4;
const AFFECTS_VALIDATION = 1;
const HOUR_SECONDS = 3600;
/** DER of an Ed25519 public key, up to its 32 bytes (RFC 8410). */
const PUBLIC_KEY_DER = Buffer.from('302a300506032b6570032100', 'hex');

export interface Ed25519CertFields {
  readonly type: number;
  /** Seconds since 1970; the certificate stores whole hours, so this is rounded up when written. */
  readonly expiresAt: number;
  readonly keyType: number;
  /** A key or a digest, 32 bytes. */
  readonly certifiedKey: Uint8Array;
  /** The key that signs, where the certificate names it (extension 4). */
  readonly signingKey?: Uint8Array | undefined;
}

export interface Ed25519Cert extends Ed25519CertFields {
  /** All of it, as it came. */
  readonly bytes: Uint8Array;
}

function malformed(message: string): KistError {
  return new KistError('ERR_KIST_MALFORMED', message);
}

function unacceptable(message: string): KistError {
  return new KistError('ERR_KIST_CERTIFICATE', message);
}

/** The key as Node takes it. 32 bytes that are no point make a key that verifies nothing. */
export function ed25519PublicKey(raw: Uint8Array): KeyObject {
  if (raw.length !== KEY_BYTES) throw malformed(`an Ed25519 key of ${raw.length} bytes`);
  return createPublicKey({ key: Buffer.concat([PUBLIC_KEY_DER, raw]), format: 'der', type: 'spki' });
}

/** Whether the signature is the raw key's; never throws. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return verify(null, message, ed25519PublicKey(publicKey), signature);
  } catch {
    return false;
  }
}

/** Writes a certificate. `sign` is given all bytes before the signature and returns 64 bytes. */
export function encodeEd25519Cert(
  fields: Ed25519CertFields,
  sign: (bytes: Uint8Array) => Uint8Array,
): Buffer {
  const { signingKey, certifiedKey } = fields;
  if (certifiedKey.length !== KEY_BYTES) throw malformed(`a certified key of ${certifiedKey.length} bytes`);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(VERSION, 0);
  head.writeUInt8(fields.type, 1);
  head.writeUInt32BE(Math.ceil(fields.expiresAt / HOUR_SECONDS), 2);
  head.writeUInt8(fields.keyType, 6);
  head.set(certifiedKey, 7);
  head.writeUInt8(signingKey === undefined ? 0 : 1, 39);
  const parts: Uint8Array[] = [head];
  if (signingKey !== undefined) {
    if (signingKey.length !== KEY_BYTES) throw malformed(`a signing key of ${signingKey.length} bytes`);
    parts.push(Buffer.from([0, KEY_BYTES, SIGNED_WITH_KEY, 0]), signingKey);
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, sign(body)]);
}

/**
 * Reads a certificate. A KistError names what is wrong: it is too short or too long, of another version, says twice by
 * whom it is signed, or has an unknown extension that affects validation.
 */
export function parseEd25519Cert(bytes: Uint8Array): Ed25519Cert {
  if (bytes.length < HEAD_BYTES + SIGNATURE_BYTES)
    throw malformed(`an Ed25519 certificate of ${bytes.length} bytes`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = buffer.readUInt8(0);
  if (version !== VERSION) throw malformed(`an Ed25519 certificate of version ${version}`);
  return {
    type: buffer.readUInt8(1),
    expiresAt: buffer.readUInt32BE(2) * HOUR_SECONDS,
    keyType: buffer.readUInt8(6),
    certifiedKey: buffer.subarray(7, 39),
    signingKey: readExtensions(buffer.subarray(39, -SIGNATURE_BYTES)),
    bytes,
  };
}

/** From the number of extensions on. Returns the signing key, where there is one. */
function readExtensions(bytes: Buffer): Buffer | undefined {
  const count = bytes.readUInt8(0);
  let signingKey: Buffer | undefined;
  let at = 1;
  for (let i = 1; i <= count; i++) {
    if (bytes.length - at < 4) throw malformed(`extension ${i} of an Ed25519 certificate is cut off`);
    const length = bytes.readUInt16BE(at);
    const type = bytes.readUInt8(at + 2);
    const flags = bytes.readUInt8(at + 3);
    at += 4;
    if (bytes.length - at < length) throw malformed(`extension ${i} of an Ed25519 certificate is cut off`);
    if (type === SIGNED_WITH_KEY) {
      if (length !== KEY_BYTES) throw malformed(`an Ed25519 certificate names a key of ${length} bytes`);
      if (signingKey !== undefined) throw malformed('an Ed25519 certificate names two keys that signed it');
      signingKey = bytes.subarray(at, at + length);
    } else if ((flags & AFFECTS_VALIDATION) !== 0) {
      throw malformed(`an Ed25519 certificate has the unknown extension ${type} that affects validation`);
    }
    at += length;
  }
  if (at !== bytes.length) throw malformed(`${bytes.length - at} bytes too many in an Ed25519 certificate`);
  return signingKey;
}

export interface Ed25519CertCheck {
  readonly type: number;
  /** Who must have signed: given, or as the certificate names it. */
  readonly signingKey?: Uint8Array | undefined;
  /** Seconds since 1970. */
  readonly now: number;
}

/**
 * Throws a KistError (ERR_KIST_CERTIFICATE) unless the certificate is of that type, not expired and signed by that key
 * (and by the one it names, if it names one). Returns the key that signed.
 */
export function checkEd25519Cert(cert: Ed25519Cert, { type, signingKey, now }: Ed25519CertCheck): Uint8Array {
  const what = `the Ed25519 certificate of type ${type}`;
  if (cert.type !== type)
    throw unacceptable(`an Ed25519 certificate of type ${cert.type} instead of ${type}`);
  const key = signingKey ?? cert.signingKey;
  if (key === undefined) throw unacceptable(`${what} does not say who signed it`);
  if (cert.signingKey !== undefined && Buffer.compare(cert.signingKey, key) !== 0)
    throw unacceptable(`${what} is signed by another key than it must be`);
  if (cert.expiresAt < now) throw unacceptable(`${what} expired ${now - cert.expiresAt} s ago`);
  const { bytes } = cert;
  const end = bytes.length - SIGNATURE_BYTES;
  if (!verifyEd25519(key, bytes.subarray(0, end), bytes.subarray(end)))
    throw unacceptable(`${what} has a wrong signature`);
  return key;
}
