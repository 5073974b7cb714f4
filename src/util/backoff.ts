/** Exponential back-off with jitter: `next()` gives the wait in ms before the next try. */
export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #currentMs: number;

  constructor(options: { initialMs: number; maxMs: number; random?: () => number }) {
    this.#initialMs = options.initialMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random ?? Math.random;
    this.#currentMs = options.initialMs;
  }

  /** The next wait: between half of the current step and the whole of it; the step then doubles. */
  next(): number {
    const step = this.#currentMs;
    this.#currentMs = Math.min(this.#maxMs, step * 2);
    return step / 2 + (this.#random() * step) / 2;
  }

  /** To be called on success: the next failure waits the initial time again. */
  reset(): void {
    this.#currentMs = this.#initialMs;
  }
}
