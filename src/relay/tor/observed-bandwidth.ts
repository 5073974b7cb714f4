import type { Clock, ClockTimer } from '../../util/clock.js';

export interface ObservedBandwidthInit {
  readonly clock: Clock;
  /** Bytes moved so far. */
  bytes(): { read: number; written: number };
}

const SECOND_MS = 1000;
const WINDOW_SECONDS = 10;
const DAY_MS = 86_400_000;
const DAYS = 5;

/**
 * The observed bandwidth of a descriptor (dir-spec 2.1.1): of the best ten seconds in the last five days, the less of
 * what was read and what was written, a second.
 */
export class ObservedBandwidth {
  readonly #init: ObservedBandwidthInit;
  /** The last ten seconds and the moment before. */
  readonly #samples: { read: number; written: number }[] = [];
  /** Best of each day; the present day last. */
  readonly #days: { day: number; best: number }[] = [];
  #timer: ClockTimer | undefined;

  constructor(init: ObservedBandwidthInit) {
    this.#init = init;
  }

  get bytesPerSecond(): number {
    return Math.max(0, ...this.#days.map(({ best }) => best));
  }

  start(): void {
    this.#timer = this.#init.clock.setTimeout(() => {
      this.sample();
      this.start();
    }, SECOND_MS);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** To be called once a second. */
  sample(): void {
    this.#samples.push(this.#init.bytes());
    if (this.#samples.length <= WINDOW_SECONDS) return;
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    this.#samples.shift();
    if (first === undefined || last === undefined) return;
    const moved = Math.min(last.read - first.read, last.written - first.written);
    this.#note(Math.floor(moved / WINDOW_SECONDS));
  }

  #note(rate: number): void {
    const day = Math.floor(this.#init.clock.now() / DAY_MS);
    const today = this.#days.at(-1);
    if (today?.day === day) {
      today.best = Math.max(today.best, rate);
      return;
    }
    this.#days.push({ day, best: rate });
    while ((this.#days[0]?.day ?? day) <= day - DAYS) this.#days.shift();
  }
}
