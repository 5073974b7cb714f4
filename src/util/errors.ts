/**
 * Every error of the product carries a stable `code` and says whose fault it is.
 *
 * - `peer`: the other end of a socket broke the protocol, refused or vanished. Never a reason to stop.
 * - `operator`: a flag, a file or an API argument is wrong. The message names it and says what to do.
 * - `system`: the machine lacks something (descriptors, memory, an address).
 * - `bug`: ours. Reported loudly.
 */
export type ErrorKind = 'peer' | 'operator' | 'system' | 'bug';

/** An error with a stable `code` (`ERR_KIST_...`) and a coarse `kind`. */
export class KistError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;

  constructor(code: string, message: string, kind: ErrorKind = 'peer', cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'KistError';
    this.code = code;
    this.kind = kind;
  }
}

/** A request that got no answer in time. `code` is `ERR_KIST_TIMEOUT`. */
export function timeoutError(what: string, ms: number): KistError {
  return new KistError('ERR_KIST_TIMEOUT', `${what} got no answer within ${ms} ms`, 'peer');
}

/** What is used after `close()`. `code` is `ERR_KIST_CLOSED`. */
export function closedError(what: string): KistError {
  return new KistError('ERR_KIST_CLOSED', `${what} is closed`, 'peer');
}

/** A wrong API argument: a TypeError that names it, `code` is `ERR_KIST_ARGUMENT`. */
export function argumentError(name: string, expected: string, actual: unknown): TypeError & { code: string } {
  const shown = typeof actual === 'string' ? JSON.stringify(actual) : String(actual);
  const error = new TypeError(`${name} must be ${expected}, got ${shown}`);
  return Object.assign(error, { code: 'ERR_KIST_ARGUMENT' });
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of anything thrown, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
