import type { Clock, ClockTimer } from '../util/clock.js';

/** Calls `onIdle` once when `touch()` was not called for `ms`. A touch only notes the time, so it is cheap. */
export class IdleTimer {
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  #ms: number;
  #last: number;
  #timer: ClockTimer;

  constructor(clock: Clock, ms: number, onIdle: () => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
    this.#ms = ms;
    this.#last = clock.now();
    this.#timer = this.#arm(ms);
  }

  touch(): void {
    this.#last = this.#clock.now();
  }

  /** Counts from now on with another patience. */
  restart(ms: number): void {
    this.#timer.cancel();
    this.#ms = ms;
    this.touch();
    this.#timer = this.#arm(ms);
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #arm(ms: number): ClockTimer {
    return this.#clock.setTimeout(() => {
      const left = this.#last + this.#ms - this.#clock.now();
      if (left > 0) this.#timer = this.#arm(left);
      else this.#onIdle();
    }, ms);
  }
}
