import type { RelayRecord } from '../discovery/discovery.js';

/** A relay by what identifies it. */
export function relayKey(relay: RelayRecord): string {
  return `${relay.host}:${relay.port}/${relay.agentId}`;
}

/** Enough relays to keep an origin's own router from being its exit. */
const ENOUGH_RELAYS = 4;

export interface PathChoiceInit {
  relays: readonly RelayRecord[];
  /** Agent ID of the router that builds, if it is one. */
  selfId: number | undefined;
  /** Hops in all. */
  length: number;
  random: () => number;
}

/**
 * Chooses the hops of one circuit at random: distinct relays while there are, the own router not as exit when there
 * are at least four; with fewer, relays repeat. One that failed is struck off for as long as this choice lives.
 */
export class PathChoice {
  readonly #init: PathChoiceInit;
  readonly #struck = new Set<string>();

  constructor(init: PathChoiceInit) {
    this.#init = init;
  }

  strike(relay: RelayRecord): void {
    this.#struck.add(relayKey(relay));
  }

  /** The hop after `path`, or undefined when every relay is struck off. */
  next(path: readonly RelayRecord[]): RelayRecord | undefined {
    const used = new Set(path.map(relayKey));
    const left = this.#init.relays.filter((relay) => !this.#struck.has(relayKey(relay)));
    const unused = left.filter((relay) => !used.has(relayKey(relay)));
    const last = path.at(-1);
    const notLast = left.filter((relay) => last === undefined || relayKey(relay) !== relayKey(last));
    for (const candidates of [this.#preferred(unused, path.length, left.length), unused, notLast, left]) {
      const chosen = candidates[Math.floor(this.#init.random() * candidates.length)];
      if (chosen !== undefined) return chosen;
    }
    return undefined;
  }

  #preferred(unused: readonly RelayRecord[], position: number, count: number): readonly RelayRecord[] {
    const isExit = position === this.#init.length - 1;
    if (!isExit || count < ENOUGH_RELAYS || this.#init.selfId === undefined) return unused;
    return unused.filter((relay) => relay.agentId !== this.#init.selfId);
  }
}
