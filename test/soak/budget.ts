import { setTimeout as pause } from 'node:timers/promises';

/**
 * So much of something a second, for all who take of it, in the order of their asking. A taker may take more than there
 * is; those behind it wait the longer.
 */
export class Budget {
  readonly #perSecond: number;
  readonly #signal: AbortSignal;
  #freeAt = 0;

  constructor(perSecond: number, signal: AbortSignal) {
    this.#perSecond = perSecond;
    this.#signal = signal;
  }

  /** Resolves when it is the taker's turn, or with the signal. */
  async take(count = 1): Promise<void> {
    const now = performance.now();
    const turn = Math.max(now, this.#freeAt);
    this.#freeAt = turn + (count * 1000) / this.#perSecond;
    if (turn <= now) return;
    await pause(turn - now, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}
