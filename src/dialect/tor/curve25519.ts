import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { malformed } from './byte-reader.js';

/** DER of Curve25519 keys, up to their 32 bytes (RFC 8410). */
const SECRET_DER = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_DER = Buffer.from('302a300506032b656e032100', 'hex');

/** A key pair for one handshake. */
export class Curve25519KeyPair {
  readonly #secretKey: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;

  private constructor(secretKey: KeyObject) {
    this.#secretKey = secretKey;
    const der = createPublicKey(secretKey).export({ format: 'der', type: 'spki' });
    this.publicKey = der.subarray(PUBLIC_DER.length);
  }

  static generate(): Curve25519KeyPair {
    return new Curve25519KeyPair(generateKeyPairSync('x25519').privateKey);
  }

  /** Of a secret key of 32 bytes. */
  static fromSecretKey(secretKey: Uint8Array): Curve25519KeyPair {
    const key = Buffer.concat([SECRET_DER, secretKey]);
    return new Curve25519KeyPair(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
  }

  /** The shared secret, 32 bytes; a KistError for a key that leaves none (a point of small order). */
  agree(publicKey: Uint8Array): Buffer {
    if (publicKey.length !== 32) throw malformed(`a Curve25519 key of ${publicKey.length} bytes`);
    const key = Buffer.concat([PUBLIC_DER, publicKey]);
    try {
      const peer = createPublicKey({ key, format: 'der', type: 'spki' });
      return diffieHellman({ privateKey: this.#secretKey, publicKey: peer });
    } catch {
      throw malformed('a Curve25519 key that leaves no secret');
    }
  }
}
