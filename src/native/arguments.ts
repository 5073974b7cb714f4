import { isIP } from 'node:net';
import { argumentError } from '../util/errors.js';

/** Checks of API arguments: each throws a TypeError that names the argument, or returns the value. */
export function integerArgument(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw argumentError(name, `an integer from ${min} to ${max}`, value);
}

export function portArgument(name: string, value: unknown): number {
  return integerArgument(name, value, 0, 65535);
}

export function agentIdArgument(name: string, value: unknown): number {
  return integerArgument(name, value, 0, 0xffffffff);
}

export function stringArgument(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw argumentError(name, 'a string that is not empty', value);
}

/** A literal IPv4 or IPv6 address, without brackets. */
export function addressArgument(name: string, value: unknown): string {
  if (typeof value === 'string' && isIP(value) !== 0) return value;
  throw argumentError(name, 'an IPv4 or IPv6 address', value);
}

export function oneOfArgument<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((item) => item === value);
  if (found !== undefined) return found;
  throw argumentError(name, `one of ${allowed.join(', ')}`, value);
}

/** An object of options; undefined counts as wrong. */
export function objectArgument(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw argumentError(name, 'an object', value);
}
