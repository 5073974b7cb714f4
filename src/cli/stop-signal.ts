import { constants } from 'node:os';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { KistError } from '../util/errors.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type StopSignalName = (typeof SIGNALS)[number];

/** How long a stop may take before the process gives up on it. */
export const STOP_TIMEOUT_MS = 5000;

/** What a command brings up and takes down. */
export interface Closeable {
  close(): Promise<void>;
}

/** The first SIGINT, SIGTERM or SIGHUP asks for a clean stop, the second one ends the process at once. */
export class StopSignal {
  readonly #controller = new AbortController();
  readonly #onSignal = (name: StopSignalName): void => {
    if (this.#controller.signal.aborted) process.exit(128 + constants.signals[name]);
    this.#controller.abort(new KistError('ERR_KIST_STOPPED', `stopped by ${name}`, 'operator'));
  };

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isRequested(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Resolves at the first signal. What was brought up keeps the process alive until then. */
  async requested(): Promise<void> {
    if (this.isRequested) return;
    await new Promise((resolve) => this.signal.addEventListener('abort', resolve, { once: true }));
  }

  /**
   * Runs what `start` brings up until a signal comes, then closes it, both within a bounded time. A start that a signal
   * interrupts is expected to reject and to leave nothing behind.
   */
  async run(start: (signal: AbortSignal) => Promise<Closeable>, onStopping?: () => void): Promise<void> {
    const starting = start(this.signal);
    starting.catch(() => undefined);
    const service = await Promise.race([starting, this.requested()]).catch((error: unknown) => {
      if (!this.isRequested) throw error;
    });
    if (service !== undefined) await this.requested();
    onStopping?.();
    await withinStopTimeout(this.#closeWhenStarted(starting));
  }

  async #closeWhenStarted(starting: Promise<Closeable>): Promise<void> {
    const service = await starting.catch(() => undefined);
    await service?.close();
  }
}

/** Waits for `work`, at most as long as a stop may take; after that a KistError `ERR_KIST_STOP_TIMEOUT`. */
export async function withinStopTimeout(work: Promise<void>, clock: Clock = systemClock): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      const message = `the stop was not done within ${STOP_TIMEOUT_MS / 1000} s`;
      reject(new KistError('ERR_KIST_STOP_TIMEOUT', message, 'bug'));
    }, STOP_TIMEOUT_MS);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
