import type { Clock } from '../../util/clock.js';
import { KistError } from '../../util/errors.js';

const POLL_MS = 250;

export interface PollInit<T> {
  /** What is waited for, to follow the words "waited in vain for". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Gives the thing, or undefined while it is not there. What it throws ends the wait. */
  readonly look: () => Promise<T | undefined>;
  /** Why it is not there, for the error. */
  readonly explain: () => Promise<string>;
}

/** Asks four times a second until `look` gives something; after the time is over a KistError `ERR_KIST_TIMEOUT`. */
export async function poll<T>({ what, timeoutMs, clock, look, explain }: PollInit<T>): Promise<T> {
  const end = clock.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (clock.now() > end) {
      const why = await explain().catch((error: unknown) => String(error));
      const message = `waited in vain for ${what} (${timeoutMs / 1000} s): ${why}`;
      throw new KistError('ERR_KIST_TIMEOUT', message, 'peer');
    }
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, POLL_MS));
  }
}
