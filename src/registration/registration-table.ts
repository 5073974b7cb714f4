import type { RegistrationEntry } from '../dialect/tor61/registration-codec.js';

/** One registered relay. Times are milliseconds of the service's clock. */
export interface Registration {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly agentId: number;
  /** Where the Register came from; the agent's probe port is `sourcePort + 1`. */
  readonly sourceAddress: string;
  readonly sourcePort: number;
  /** When it was first registered, and when it ends unless renewed. */
  readonly since: number;
  readonly expiresAt: number;
}

export type PutResult = 'added' | 'renewed' | 'table full' | 'address full';

function keyOf(ip: string, port: number): string {
  return `${ip}:${port}`;
}

/**
 * The registrations, identified by ip and port, bounded in all and per source address. Every registration has the
 * same lifetime and is put at the end when renewed, so the oldest is always in front and expiry looks no further.
 */
export class RegistrationTable {
  readonly #capacity: number;
  readonly #perAddress: number;
  readonly #random: () => number;
  readonly #entries = new Map<string, Registration>();
  readonly #byAddress = new Map<string, Set<string>>();

  constructor(options: { capacity: number; perAddress: number; random: () => number }) {
    this.#capacity = options.capacity;
    this.#perAddress = options.perAddress;
    this.#random = options.random;
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): IterableIterator<Registration> {
    return this.#entries.values();
  }

  /** Adds or renews; a renewal keeps `since`. Refuses what would break a bound and changes nothing then. */
  put(registration: Registration): PutResult {
    const key = keyOf(registration.ip, registration.port);
    const old = this.#entries.get(key);
    const address = registration.sourceAddress;
    if (old === undefined && this.#entries.size >= this.#capacity) return 'table full';
    const ofAddress = this.#byAddress.get(address)?.size ?? 0;
    if (old?.sourceAddress !== address && ofAddress >= this.#perAddress) return 'address full';
    if (old !== undefined) this.#remove(key, old);
    this.#entries.set(key, { ...registration, since: old?.since ?? registration.since });
    const keys = this.#byAddress.get(address);
    if (keys === undefined) this.#byAddress.set(address, new Set([key]));
    else keys.add(key);
    return old === undefined ? 'added' : 'renewed';
  }

  delete(ip: string, port: number): boolean {
    const key = keyOf(ip, port);
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    return old !== undefined;
  }

  /** Removes and returns what has ended. */
  expire(now: number): Registration[] {
    const ended: Registration[] = [];
    for (const [key, registration] of this.#entries) {
      if (registration.expiresAt > now) break;
      this.#remove(key, registration);
      ended.push(registration);
    }
    return ended;
  }

  /** All whose name starts with `prefix`; when there are more than `limit`, so many of them drawn at random. */
  fetch(prefix: string, limit: number): RegistrationEntry[] {
    const found: RegistrationEntry[] = [];
    for (const { name, ip, port, agentId } of this.#entries.values()) {
      if (name.startsWith(prefix)) found.push({ ip, port, data: agentId });
    }
    return found.length <= limit ? found : this.#draw(found, limit);
  }

  /** The first `limit` places of a shuffle (Fisher-Yates). */
  #draw<T>(items: T[], limit: number): T[] {
    for (let i = 0; i < limit; i++) {
      const j = i + Math.floor(this.#random() * (items.length - i));
      const picked = items[j] as T;
      items[j] = items[i] as T;
      items[i] = picked;
    }
    return items.slice(0, limit);
  }

  #remove(key: string, registration: Registration): void {
    this.#entries.delete(key);
    const keys = this.#byAddress.get(registration.sourceAddress);
    keys?.delete(key);
    if (keys?.size === 0) this.#byAddress.delete(registration.sourceAddress);
  }
}
