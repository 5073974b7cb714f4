/**
 * The client's side of the ntor handshake (tor-spec 5.1.4), which makes one hop of a circuit:
 *
 *     -> node ID (20) | onion key B (32) | X (32)        <- Y (32) | AUTH (32)
 *
 * The key material is HKDF-SHA256 of both shared secrets (tor-spec 5.2.2).
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { KistError } from '../../util/errors.js';
import type { HopHandshake } from '../control-dialect.js';
import { malformed } from './byte-reader.js';
import { encodeCreate2, HANDSHAKE_TYPE } from './create-cells.js';
import { Curve25519KeyPair } from './curve25519.js';

const PROTOCOL = Buffer.from('ntor-curve25519-sha256-1', 'latin1');
const SERVER = Buffer.from('Server', 'latin1');
const ANSWER_BYTES = 64;
/** Df (20) | Db (20) | Kf (16) | Kb (16): what one hop's relay crypto is keyed with. */
export const HOP_KEY_BYTES = 72;

/** What must be known of the relay. */
export interface NtorTarget {
  /** SHA-1 of its RSA identity key, 20 bytes. */
  readonly rsaDigest: Uint8Array;
  /** 32 bytes. */
  readonly ntorKey: Uint8Array;
}

export function unproven(handshake: string): KistError {
  const message = `the answer to ${handshake} does not prove the onion key`;
  return new KistError('ERR_KIST_HOP_HANDSHAKE', message);
}

function tagged(tag: string): Buffer {
  return Buffer.concat([PROTOCOL, Buffer.from(tag, 'latin1')]);
}

function mac(message: Uint8Array, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

/** One handshake with one relay. */
export class NtorClient implements HopHandshake {
  readonly payload: Uint8Array;
  readonly #target: NtorTarget;
  readonly #keyPair: Curve25519KeyPair;

  constructor(target: NtorTarget, keyPair: Curve25519KeyPair = Curve25519KeyPair.generate()) {
    const { rsaDigest, ntorKey } = target;
    if (rsaDigest.length !== 20 || ntorKey.length !== 32)
      throw malformed(`ntor with a node ID of ${rsaDigest.length} and a key of ${ntorKey.length} bytes`);
    this.#target = target;
    this.#keyPair = keyPair;
    const skin = Buffer.concat([rsaDigest, ntorKey, keyPair.publicKey]);
    this.payload = encodeCreate2({ type: HANDSHAKE_TYPE.ntor, skin });
  }

  /** `answer`: HDATA of CREATED2. The first 72 bytes of key material. */
  finish(answer: Uint8Array): Uint8Array {
    if (answer.length < ANSWER_BYTES) throw malformed(`the answer to ntor has ${answer.length} bytes`);
    const { rsaDigest, ntorKey } = this.#target;
    const own = this.#keyPair.publicKey;
    const theirs = answer.subarray(0, 32);
    const shared = [this.#keyPair.agree(theirs), this.#keyPair.agree(ntorKey)];
    const secret = Buffer.concat([...shared, rsaDigest, ntorKey, own, theirs, PROTOCOL]);
    const verify = mac(secret, tagged(':verify'));
    const proof = Buffer.concat([verify, rsaDigest, ntorKey, theirs, own, PROTOCOL, SERVER]);
    if (!timingSafeEqual(mac(proof, tagged(':mac')), answer.subarray(32, ANSWER_BYTES)))
      throw unproven('ntor');
    const keys = hkdfSync('sha256', secret, tagged(':key_extract'), tagged(':key_expand'), HOP_KEY_BYTES);
    return new Uint8Array(keys);
  }
}
