import type { Clock, ClockTimer } from '../util/clock.js';
import { closedError, timeoutError } from '../util/errors.js';

export interface WaiterOptions {
  /** What is waited for, as the timeout error names it. */
  what: string;
  ms: number;
  clock: Clock;
  signal?: AbortSignal | undefined;
}

/** One answer that is waited for: settles once, by its owner, by its deadline or by a signal, and leaves no timer. */
export class Waiter<T> {
  readonly promise: Promise<T>;
  readonly #timer: ClockTimer;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #resolve: (value: T) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #isSettled = false;

  constructor(options: WaiterOptions) {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever made it may be gone when it fails; that is no unhandled rejection.
    this.promise.catch(() => undefined);
    this.#signal = options.signal;
    this.#onAbort = () => this.reject(abortReason(options.signal, options.what));
    this.#timer = options.clock.setTimeout(
      () => this.reject(timeoutError(options.what, options.ms)),
      options.ms,
    );
    if (this.#signal?.aborted === true) this.#onAbort();
    else this.#signal?.addEventListener('abort', this.#onAbort);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  resolve(value: T): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#timer.cancel();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}

/** What a signal was aborted with, if that was an error, else a closed error. */
export function abortReason(signal: AbortSignal | undefined, what: string): unknown {
  const reason: unknown = signal?.reason;
  return reason instanceof Error && reason.name !== 'AbortError' ? reason : closedError(what);
}

/** Waits for a promise that knows no deadline of its own. The promise itself goes on. */
export function withDeadline<T>(promise: Promise<T>, options: WaiterOptions): Promise<T> {
  const waiter = new Waiter<T>(options);
  promise.then(
    (value) => waiter.resolve(value),
    (error: unknown) => waiter.reject(error),
  );
  return waiter.promise;
}

/** A pause that a signal cuts short by rejecting. */
export async function pause(ms: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) throw abortReason(signal, 'the pause');
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(abortReason(signal, 'the pause'));
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
