import type { NativeStats } from '../native/binding-types.js';
import { systemClock } from '../util/clock.js';
import type { Clock, ClockTimer } from '../util/clock.js';
import { countersBetween, formatCounters, formatCountersShort } from './counters.js';
import type { Counters } from './counters.js';
import type { Output } from './output.js';

const TICK_MS = 1000;
/** Without a terminal nobody watches: a line now and then is enough. */
const QUIET_TICK_MS = 10_000;

/** A command's statistics: the data plane's, with whatever else is worth telling programs. */
export interface StatsSource {
  stats(): object & { readonly dataPlane: NativeStats };
}

export interface StatsTickerOptions {
  readonly output: Output;
  readonly source: StatsSource;
  /** Counters for people too: in place on a terminal, else a line every 10 s. */
  readonly live: boolean;
  readonly clock?: Clock;
}

/** The long form where it fits. */
function fitting(counters: Counters, width: number): string {
  const long = formatCounters(counters);
  return long.length <= width ? long : formatCountersShort(counters);
}

/** Shows the counters: for people where `live` is set, for programs (JSON lines every second) always. */
export class StatsTicker {
  readonly #options: StatsTickerOptions;
  readonly #clock: Clock;
  readonly #everyMs: number;
  #before: NativeStats | undefined;
  #at: number;
  #timer: ClockTimer | undefined;

  constructor(options: StatsTickerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#everyMs = options.output.isTerminal || options.output.json ? TICK_MS : QUIET_TICK_MS;
    this.#at = this.#clock.now();
    if (options.live || options.output.json) this.#arm();
  }

  /** One last time in JSON, for those who add up; then silence. */
  async close(): Promise<void> {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    if (this.#options.output.json) this.#show();
    this.#options.output.clearStatus();
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#show();
      this.#arm();
    }, this.#everyMs);
  }

  #show(): void {
    const { output, source } = this.#options;
    const stats = source.stats();
    const seconds = (this.#clock.now() - this.#at) / 1000;
    const counters = countersBetween(this.#before, stats.dataPlane, seconds);
    this.#before = stats.dataPlane;
    this.#at = this.#clock.now();
    if (output.json) output.tell('stats', { seconds, counters, ...stats });
    else if (output.isTerminal) output.status(fitting(counters, output.width));
    else output.line(formatCounters(counters));
  }
}
