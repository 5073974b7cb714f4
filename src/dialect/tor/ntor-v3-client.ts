/**
 * The client's side of the ntor-v3 handshake (proposal 332), which makes one hop of a circuit and carries a message
 * each way, encrypted:
 *
 *     -> Ed25519 identity (32) | onion key B (32) | X (32) | message | MAC (32)        <- Y (32) | AUTH (32) | message
 *
 * Messages are lists of extensions: a count, then type, length and body of each.
 */
import { createCipheriv, createHash, timingSafeEqual } from 'node:crypto';
import type { HopHandshake } from '../control-dialect.js';
import { ByteReader, malformed } from './byte-reader.js';
import { encodeCreate2, HANDSHAKE_TYPE } from './create-cells.js';
import { Curve25519KeyPair } from './curve25519.js';
import { HOP_KEY_BYTES, unproven } from './ntor-client.js';

const PROTOCOL = 'ntor3-curve25519-sha3_256-1';
const PROTOCOL_BYTES = Buffer.from(PROTOCOL, 'latin1');
const SERVER = Buffer.from('Server', 'latin1');
/** What both sides must name when they make circuits. */
const CIRCUIT_VERIFICATION = Buffer.from('circuit extend', 'latin1');
const KEY_BYTES = 32;
const HEAD_BYTES = 64;

export interface NtorV3Target {
  /** 32 bytes each. */
  readonly ed25519Identity: Uint8Array;
  readonly ntorKey: Uint8Array;
}

/** An extension of a message: what it means its type says. */
export interface NtorV3Extension {
  readonly type: number;
  readonly body: Uint8Array;
}

export interface NtorV3Options {
  readonly keyPair?: Curve25519KeyPair;
  readonly verification?: Uint8Array;
  /** The whole message, in place of one without extensions. */
  readonly message?: Uint8Array;
}

/** A count, then type, length and body of each. */
export function encodeExtensions(extensions: readonly NtorV3Extension[]): Buffer {
  const parts = extensions.flatMap(({ type, body }) => [Buffer.from([type, body.length]), body]);
  return Buffer.concat([Buffer.from([extensions.length]), ...parts]);
}

export function parseExtensions(message: Uint8Array): NtorV3Extension[] {
  const reader = new ByteReader(message, 'an ntor-v3 message');
  return Array.from({ length: reader.u8('number of extensions') }, () => {
    const type = reader.u8('type of an extension');
    return { type, body: reader.bytes(reader.u8('length of an extension'), 'an extension') };
  });
}

/** ENCAP of the proposal: length in 8 bytes, then the bytes. */
function counted(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}

function tweak(name: string): Buffer {
  return counted(Buffer.from(`${PROTOCOL}:${name}`, 'latin1'));
}

function sha3(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function keystream(name: string, secret: Uint8Array, length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(tweak(name)).update(secret).digest();
}

/** AES-256-CTR from a counter of zero; the same again decrypts. */
function crypt(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(bytes);
}

/** What an answer gives. */
export interface NtorV3Result {
  /** Key material, as much as was asked for. */
  readonly keys: Buffer;
  /** What the relay said. */
  readonly message: Buffer;
}

/** One handshake with one relay. */
export class NtorV3Client implements HopHandshake {
  readonly payload: Uint8Array;
  readonly #target: NtorV3Target;
  readonly #keyPair: Curve25519KeyPair;
  readonly #verification: Buffer;
  readonly #shared: Buffer;
  readonly #mac: Buffer;

  constructor(target: NtorV3Target, options: NtorV3Options = {}) {
    const { ed25519Identity, ntorKey } = target;
    if (ed25519Identity.length !== 32 || ntorKey.length !== 32)
      throw malformed(`ntor-v3 with keys of ${ed25519Identity.length} and ${ntorKey.length} bytes`);
    this.#target = target;
    this.#keyPair = options.keyPair ?? Curve25519KeyPair.generate();
    this.#verification = counted(options.verification ?? CIRCUIT_VERIFICATION);
    this.#shared = this.#keyPair.agree(ntorKey);
    const own = this.#keyPair.publicKey;
    const secret = Buffer.concat([
      ...[this.#shared, ed25519Identity, own, ntorKey],
      ...[PROTOCOL_BYTES, this.#verification],
    ]);
    const keys = keystream('kdf_phase1', secret, 2 * KEY_BYTES);
    const message = crypt(keys.subarray(0, KEY_BYTES), options.message ?? encodeExtensions([]));
    const macKey = counted(keys.subarray(KEY_BYTES));
    this.#mac = sha3(tweak('msg_mac'), macKey, ed25519Identity, ntorKey, own, message);
    const skin = Buffer.concat([ed25519Identity, ntorKey, own, message, this.#mac]);
    this.payload = encodeCreate2({ type: HANDSHAKE_TYPE.ntorV3, skin });
  }

  /** `answer`: HDATA of CREATED2. The first 72 bytes of key material; what the relay said is only checked for form. */
  finish(answer: Uint8Array): Uint8Array {
    const { keys, message } = this.open(answer, HOP_KEY_BYTES);
    parseExtensions(message);
    return keys;
  }

  /** As `finish`, with as much key material as wanted and the relay's message as it is. */
  open(answer: Uint8Array, keyBytes: number): NtorV3Result {
    if (answer.length < HEAD_BYTES) throw malformed(`the answer to ntor-v3 has ${answer.length} bytes`);
    const { ed25519Identity, ntorKey } = this.#target;
    const own = this.#keyPair.publicKey;
    const theirs = answer.subarray(0, 32);
    const encrypted = answer.subarray(HEAD_BYTES);
    const secret = Buffer.concat([
      ...[this.#keyPair.agree(theirs), this.#shared, ed25519Identity, ntorKey, own, theirs],
      ...[PROTOCOL_BYTES, this.#verification],
    ]);
    const verify = sha3(tweak('verify'), secret);
    const proof = sha3(
      ...[tweak('auth_final'), verify, ed25519Identity, ntorKey, theirs, own, this.#mac],
      ...[counted(encrypted), PROTOCOL_BYTES, SERVER],
    );
    if (!timingSafeEqual(proof, answer.subarray(32, HEAD_BYTES))) throw unproven('ntor-v3');
    const seed = sha3(tweak('key_seed'), secret);
    const stream = keystream('kdf_final', seed, KEY_BYTES + keyBytes);
    return {
      keys: stream.subarray(KEY_BYTES),
      message: crypt(stream.subarray(0, KEY_BYTES), encrypted),
    };
  }
}
