import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../util/clock.js';
import { KistError, messageOf } from '../util/errors.js';
import { withDeadline } from './waiter.js';

export interface ResolverOptions {
  clock: Clock;
  timeoutMs?: number;
  /** How long an answer, and a failure, is kept. */
  ttlMs?: number;
  negativeTtlMs?: number;
  maxEntries?: number;
  /** Look-ups under way at once, and names that may wait for their turn. */
  maxConcurrent?: number;
  maxWaiting?: number;
  /** All addresses of a name; the system's resolver by default. */
  lookup?: (name: string) => Promise<readonly string[]>;
}

interface Entry {
  readonly expires: number;
  readonly addresses: readonly string[];
  readonly error: KistError | undefined;
}

async function systemLookup(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true });
  return found.map((item) => item.address);
}

/**
 * Names to addresses for exits: with a deadline, a bounded cache, and a bounded number of look-ups at once. A look-up
 * that hangs keeps its place until the system gives up, so that hanging ones cannot pile up.
 */
export class Resolver {
  readonly #options: Required<ResolverOptions>;
  readonly #cache = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<readonly string[]>>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(options: ResolverOptions) {
    this.#options = {
      timeoutMs: 5000,
      ttlMs: 60_000,
      negativeTtlMs: 5000,
      maxEntries: 1000,
      maxConcurrent: 16,
      maxWaiting: 1000,
      lookup: systemLookup,
      ...options,
    };
  }

  /** All addresses of a name, at least one; an address is its own answer. */
  resolve(host: string, signal?: AbortSignal): Promise<readonly string[]> {
    if (isIP(host) !== 0) return Promise.resolve([host]);
    const name = host.toLowerCase();
    const cached = this.#cache.get(name);
    if (cached !== undefined && cached.expires > this.#options.clock.now()) {
      return cached.error === undefined ? Promise.resolve(cached.addresses) : Promise.reject(cached.error);
    }
    const { timeoutMs, clock } = this.#options;
    return withDeadline(this.#start(name), { what: `the look-up of ${name}`, ms: timeoutMs, clock, signal });
  }

  get cacheSize(): number {
    return this.#cache.size;
  }

  #start(name: string): Promise<readonly string[]> {
    const known = this.#running.get(name);
    if (known !== undefined) return known;
    const running = this.#lookUp(name).finally(() => this.#running.delete(name));
    running.catch(() => undefined);
    this.#running.set(name, running);
    return running;
  }

  async #lookUp(name: string): Promise<readonly string[]> {
    await this.#takeTurn(name);
    try {
      const addresses = await this.#options.lookup(name);
      if (addresses.length === 0) throw new Error('no addresses');
      this.#remember(name, { expires: this.#expiry(this.#options.ttlMs), addresses, error: undefined });
      return addresses;
    } catch (cause) {
      const error = new KistError(
        'ERR_KIST_RESOLVE',
        `cannot resolve ${name}: ${messageOf(cause)}`,
        'peer',
        cause,
      );
      this.#remember(name, { expires: this.#expiry(this.#options.negativeTtlMs), addresses: [], error });
      throw error;
    } finally {
      this.#active--;
      this.#waiting.shift()?.();
    }
  }

  async #takeTurn(name: string): Promise<void> {
    const { maxConcurrent, maxWaiting } = this.#options;
    if (this.#active >= maxConcurrent) {
      if (this.#waiting.length >= maxWaiting) {
        throw new KistError('ERR_KIST_RESOLVE', `cannot resolve ${name}: too many look-ups wait`, 'system');
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#active++;
  }

  #expiry(ttlMs: number): number {
    return this.#options.clock.now() + ttlMs;
  }

  /** The oldest entry makes room. */
  #remember(name: string, entry: Entry): void {
    this.#cache.delete(name);
    this.#cache.set(name, entry);
    if (this.#cache.size <= this.#options.maxEntries) return;
    const oldest = this.#cache.keys().next().value;
    if (oldest !== undefined) this.#cache.delete(oldest);
  }
}
