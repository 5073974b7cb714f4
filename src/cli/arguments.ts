import { integer } from '../config/value-kind.js';
import type { ValueKind } from '../config/value-kind.js';
import { KistError } from '../util/errors.js';

/** A wrong command line. `code` is `ERR_KIST_USAGE`. */
export function usageError(message: string): KistError {
  return new KistError('ERR_KIST_USAGE', message, 'operator');
}

/** An argument or flag of one command, by the same rules as the options of the schema. */
export function parseValue<T>(name: string, kind: ValueKind<T>, text: string): T {
  const value = kind.parse(text);
  if (value === undefined) throw usageError(`${name} must be ${kind.expected}, got ${JSON.stringify(text)}`);
  return value;
}

/** Four decimal digits in a router's name leave 9999 as the largest; group 0 stands for nobody. */
export const GROUP = integer(1, 9999);
export const INSTANCE = integer(0, 9999);
export const PORT = integer(0, 65535);
