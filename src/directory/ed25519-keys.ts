import { createHash, randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';

/**
 * Ed25519 keys in expanded form (cert-spec; RFC 8032): a clamped scalar and a prefix, 64 bytes, instead of the seed
 * they came from. It is the form in which relays keep their keys in files, and the only one that a key converted
 * from Curve25519 has. Node signs with seeds only, so signing is done here.
 */

/** What signs: a key in memory, wherever it came from. */
export interface Ed25519Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const PRIME = Point.Fp.ORDER;

export class ExpandedEd25519Key implements Ed25519Signer {
  readonly publicKey: Uint8Array;
  readonly #scalar: bigint;
  readonly #prefix: Uint8Array;
  readonly #expanded: Uint8Array;

  /** `expanded`: 32 bytes of scalar (little endian), 32 bytes of prefix. The scalar is clamped if it is not. */
  constructor(expanded: Uint8Array) {
    if (expanded.length !== 64) throw new RangeError('an expanded Ed25519 key has 64 bytes');
    this.#expanded = clamp(expanded);
    this.#scalar = littleEndian(this.#expanded.subarray(0, 32)) % ORDER;
    this.#prefix = this.#expanded.subarray(32);
    this.publicKey = Point.BASE.multiply(this.#scalar).toBytes();
  }

  static fromSeed(seed: Uint8Array): ExpandedEd25519Key {
    if (seed.length !== 32) throw new RangeError('an Ed25519 seed has 32 bytes');
    return new ExpandedEd25519Key(sha512(seed));
  }

  static generate(): ExpandedEd25519Key {
    return ExpandedEd25519Key.fromSeed(randomBytes(32));
  }

  sign(message: Uint8Array): Uint8Array {
    const nonce = littleEndian(sha512(this.#prefix, message)) % ORDER;
    const commitment = Point.BASE.multiply(nonce).toBytes();
    const challenge = littleEndian(sha512(commitment, this.publicKey, message)) % ORDER;
    const signature = new Uint8Array(64);
    signature.set(commitment);
    signature.set(toLittleEndian((nonce + challenge * this.#scalar) % ORDER), 32);
    return signature;
  }

  /** A copy of the 64 secret bytes, for a key file. */
  toBytes(): Uint8Array {
    return this.#expanded.slice();
  }
}

/**
 * The Ed25519 public key that belongs to a Curve25519 one (dir-spec, appendix C): y = (u - 1) / (u + 1), and the sign
 * of x as given. Undefined for the one u that has none.
 */
export function ed25519FromCurve25519(publicKey: Uint8Array, signBit: 0 | 1): Uint8Array | undefined {
  if (publicKey.length !== 32) return undefined;
  const { Fp } = Point;
  const u = (littleEndian(publicKey) & ((1n << 255n) - 1n)) % PRIME;
  const denominator = Fp.add(u, 1n);
  if (denominator === 0n) return undefined;
  const bytes = toLittleEndian(Fp.div(Fp.sub(u, 1n), denominator));
  bytes[31] = (bytes[31] ?? 0) | (signBit << 7);
  return bytes;
}

/** A Curve25519 secret key as a key that signs, and the sign of its public key's x (for the cross-certificate). */
export function ed25519KeyFromCurve25519(secretKey: Uint8Array): { key: ExpandedEd25519Key; signBit: 0 | 1 } {
  const scalar = clamp(secretKey).subarray(0, 32);
  const expanded = new Uint8Array(64);
  expanded.set(scalar);
  expanded.set(sha512(scalar, DERIVE_HIGH_PART).subarray(0, 32), 32);
  const key = new ExpandedEd25519Key(expanded);
  return { key, signBit: (key.publicKey[31] ?? 0) & 0x80 ? 1 : 0 };
}

/** Relays derive the missing half with this text, its final NUL included. */
const DERIVE_HIGH_PART = Buffer.from('Derive high part of ed25519 key from curve25519 key\0', 'latin1');

function clamp(bytes: Uint8Array): Uint8Array {
  const clamped = Uint8Array.from(bytes);
  clamped[0] = (clamped[0] ?? 0) & 248;
  clamped[31] = ((clamped[31] ?? 0) & 127) | 64;
  return clamped;
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function toLittleEndian(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse());
}
