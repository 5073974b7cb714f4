import { generateKeyPairSync } from 'node:crypto';
import type { OnionKeyPairs } from '../directory/router-descriptor-input.js';
import type { Clock } from '../util/clock.js';
import type { KeyDirectory } from './key-directory.js';
import { makeRsaKey, readRsaKey, writeRsaKey } from './rsa-key-file.js';
import type { StateFile } from './state-file.js';

const DAY_MS = 24 * 3600 * 1000;
const NTOR = 'secret_onion_key_ntor';
const TAP = 'secret_onion_key';
const STATE_KEY = 'LastRotatedOnionKey';

export type NtorKeyPair = OnionKeyPairs['ntor'];

export interface OnionKeyOptions {
  readonly directory: KeyDirectory;
  readonly state: StateFile;
  readonly clock: Clock;
}

/** How long onion keys last (consensus parameters onion-key-rotation-days and onion-key-grace-period-days). */
export interface OnionKeyLifetimes {
  readonly rotationMs: number;
  readonly graceMs: number;
}

/**
 * The keys that circuits are opened with: ntor, and TAP, which is only published. They change every four weeks; the
 * ntor key before is answered for another week, because clients may still know only that. Kept in files as C tor
 * does, the time of the last change in `state`. Nothing runs by itself: the relay calls `update` when `nextChange` has
 * come, and publishes a descriptor when that answers `rotated`.
 */
export class OnionKeys {
  readonly #options: OnionKeyOptions;
  #current: OnionKeyPairs;
  #previous: NtorKeyPair | undefined;
  #rotatedAt: Date;
  #updating: Promise<'rotated' | 'expired' | 'unchanged'> | undefined;
  #lifetimes: OnionKeyLifetimes = { rotationMs: 28 * DAY_MS, graceMs: 7 * DAY_MS };

  private constructor(
    options: OnionKeyOptions,
    current: OnionKeyPairs,
    previous: NtorKeyPair | undefined,
    rotatedAt: Date,
  ) {
    this.#options = options;
    this.#current = current;
    this.#previous = previous;
    this.#rotatedAt = rotatedAt;
  }

  /** Loads the keys; makes those that are absent. Throws `ERR_KIST_KEYS`. */
  static async open(options: OnionKeyOptions): Promise<OnionKeys> {
    const { directory, state, clock } = options;
    const tap = readRsaKey(directory, TAP) ?? (await makeTap(directory));
    const ntor = readNtor(directory, NTOR) ?? makeNtor(directory);
    const now = clock.date();
    const recorded = state.getTime(STATE_KEY);
    // A time to come would put the change off for ever.
    const isUsable = recorded !== undefined && recorded.getTime() > 0 && recorded <= now;
    const rotatedAt = isUsable ? recorded : now;
    if (!isUsable) {
      state.setTime(STATE_KEY, now);
      state.save();
    }
    return new OnionKeys(options, { ntor, tap }, readNtor(directory, `${NTOR}.old`), rotatedAt);
  }

  get current(): OnionKeyPairs {
    return this.#current;
  }

  /** The keys to answer handshakes with: the current one, then the one before during its grace. */
  get ntorKeys(): readonly NtorKeyPair[] {
    return this.#previous === undefined ? [this.#current.ntor] : [this.#current.ntor, this.#previous];
  }

  get rotatedAt(): Date {
    return this.#rotatedAt;
  }

  get lifetimes(): OnionKeyLifetimes {
    return this.#lifetimes;
  }

  set lifetimes(lifetimes: OnionKeyLifetimes) {
    this.#lifetimes = lifetimes;
  }

  /** When `update` has something to do next. */
  get nextChange(): Date {
    const { rotationMs, graceMs } = this.#lifetimes;
    const after = this.#previous === undefined ? rotationMs : Math.min(rotationMs, graceMs);
    return new Date(this.#rotatedAt.getTime() + after);
  }

  /** Changes the keys if it is time (`rotated`), or lets go of the previous ones after their grace (`expired`). */
  update(): Promise<'rotated' | 'expired' | 'unchanged'> {
    // Two changes at once would lose the keys that clients know.
    this.#updating ??= this.#update().finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  async #update(): Promise<'rotated' | 'expired' | 'unchanged'> {
    const age = this.#options.clock.date().getTime() - this.#rotatedAt.getTime();
    if (age >= this.#lifetimes.rotationMs) {
      await this.#rotate();
      return 'rotated';
    }
    if (this.#previous === undefined || age < this.#lifetimes.graceMs) return 'unchanged';
    this.#previous = undefined;
    this.#options.directory.remove(`${NTOR}.old`);
    this.#options.directory.remove(`${TAP}.old`);
    return 'expired';
  }

  async #rotate(): Promise<void> {
    const { directory, state, clock } = this.#options;
    const tap = await makeRsaKey();
    directory.rename(TAP, `${TAP}.old`);
    writeRsaKey(directory, TAP, tap);
    directory.rename(NTOR, `${NTOR}.old`);
    this.#previous = this.#current.ntor;
    this.#current = { ntor: makeNtor(directory), tap };
    this.#rotatedAt = clock.date();
    state.setTime(STATE_KEY, this.#rotatedAt);
    state.save();
  }
}

async function makeTap(directory: KeyDirectory) {
  const key = await makeRsaKey();
  writeRsaKey(directory, TAP, key);
  return key;
}

function readNtor(directory: KeyDirectory, name: string): NtorKeyPair | undefined {
  const body = directory.readTagged(name, 'c25519v1', 'onion', 64);
  return body === undefined ? undefined : { secretKey: body.slice(0, 32), publicKey: body.slice(32) };
}

function makeNtor(directory: KeyDirectory): NtorKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const secretKey = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32));
  // Files hold the scalar as it is used.
  secretKey[0] = (secretKey[0] ?? 0) & 248;
  secretKey[31] = ((secretKey[31] ?? 0) & 127) | 64;
  const pair = {
    secretKey,
    publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
  };
  directory.writeTagged(NTOR, 'c25519v1', 'onion', Buffer.concat([pair.secretKey, pair.publicKey]));
  return pair;
}
