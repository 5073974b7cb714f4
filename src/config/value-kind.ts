import { isIP } from 'node:net';

/** How values of one kind are written and checked. `parse` and `isValid` say no by undefined and false. */
export interface ValueKind<T> {
  /** What a value must be, to follow the words "must be". */
  readonly expected: string;
  /** From the text of a flag, a variable of the environment or a torrc line. */
  parse(text: string): T | undefined;
  /** Whether a program may pass this value. */
  isValid(value: unknown): value is T;
  /** As one writes it in a flag. */
  format(value: T): string;
}

/** Plain decimal only: "0x10", "1e3", "" and " 1" are no numbers here. */
function decimal(text: string): number | undefined {
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}

export function integer(min: number, max: number): ValueKind<number> {
  const isValid = (value: unknown): value is number => isWithin(value, min, max) && Number.isInteger(value);
  return {
    expected: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      const value = decimal(text);
      return isValid(value) ? value : undefined;
    },
    isValid,
    format: String,
  };
}

/** A number that may have a fraction. */
export function real(min: number, max: number): ValueKind<number> {
  const isValid = (value: unknown): value is number => isWithin(value, min, max);
  return {
    expected: `a number from ${min} to ${max}`,
    parse: (text) => {
      const value = decimal(text);
      return isValid(value) ? value : undefined;
    },
    isValid,
    format: String,
  };
}

/** Written in a larger unit than code uses: seconds for milliseconds, MB for bytes. */
export function scaled(unit: string, factor: number, min: number, max: number): ValueKind<number> {
  const isValid = (value: unknown): value is number => isWithin(value, min * factor, max * factor);
  return {
    expected: `a number of ${unit} from ${min} to ${max}`,
    parse: (text) => {
      const value = decimal(text);
      return value !== undefined && isValid(value * factor) ? Math.round(value * factor) : undefined;
    },
    isValid,
    format: (value) => String(value / factor),
  };
}

export function toggle(): ValueKind<boolean> {
  return {
    expected: 'true or false',
    parse: (text) => {
      const on = ['1', 'true', 'yes', 'on'].includes(text.toLowerCase());
      return on || ['0', 'false', 'no', 'off'].includes(text.toLowerCase()) ? on : undefined;
    },
    isValid: (value): value is boolean => typeof value === 'boolean',
    format: (value) => (value ? 'on' : 'off'),
  };
}

export function choice<T extends string>(names: readonly T[]): ValueKind<T> {
  return {
    expected: `one of ${names.join(', ')}`,
    parse: (text) => names.find((name) => name === text.toLowerCase()),
    isValid: (value): value is T => names.some((name) => name === value),
    format: (value) => value,
  };
}

/** An ordered list without repetition. Dashes and case do not count, so that torrc's spellings are read too. */
export function choices<T extends string>(names: readonly T[]): ValueKind<readonly T[]> {
  const plain = (text: string): string => text.trim().toLowerCase().replaceAll('-', '');
  const isValid = (value: unknown): value is readonly T[] =>
    Array.isArray(value) &&
    value.length > 0 &&
    new Set(value).size === value.length &&
    value.every((entry: unknown) => names.some((name) => name === entry));
  return {
    expected: `a list of some of ${names.join(', ')}, each once, separated by commas`,
    parse: (text) => {
      const found = text.split(',').map((part) => names.find((name) => plain(name) === plain(part)));
      return isValid(found) ? found : undefined;
    },
    isValid,
    format: (value) => value.join(','),
  };
}

/** A literal address of this machine; `families` says which. */
export function ipAddress(family: 4 | 6 | 'any'): ValueKind<string> {
  const isValid = (value: unknown): value is string => {
    const actual = typeof value === 'string' ? isIP(value) : 0;
    return actual !== 0 && (family === 'any' || actual === family);
  };
  return {
    expected: family === 4 ? 'an IPv4 address like 127.0.0.1' : 'an IP address',
    parse: (text) => (isValid(text) ? text : undefined),
    isValid,
    format: (value) => value,
  };
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const HOST = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/;

/** `HOST:PORT` or `HOST` alone, a name or an IPv4 address. */
export function hostPort(defaultPort: number): ValueKind<HostPort> {
  const isPort = (port: unknown): boolean => isWithin(port, 1, 0xffff) && Number.isInteger(port);
  const isValid = (value: unknown): value is HostPort => {
    if (typeof value !== 'object' || value === null || !('host' in value) || !('port' in value)) return false;
    return typeof value.host === 'string' && HOST.test(value.host) && isPort(value.port);
  };
  return {
    expected: `HOST:PORT, a name or an IPv4 address and a port from 1 to 65535`,
    parse: (text) => {
      const [host = '', port = String(defaultPort), ...rest] = text.split(':');
      const value = { host, port: decimal(port) };
      return rest.length === 0 && isValid(value) ? value : undefined;
    },
    isValid,
    format: ({ host, port }) => `${host}:${port}`,
  };
}

/** A short name of letters, digits, `-` and `_`. */
export function shortName(): ValueKind<string> {
  const isValid = (value: unknown): value is string =>
    typeof value === 'string' && /^[A-Za-z0-9_-]{1,15}$/.test(value);
  return {
    expected: 'a name of at most 15 letters, digits, - and _',
    parse: (text) => (isValid(text) ? text : undefined),
    isValid,
    format: (value) => value,
  };
}

/** A value of `kind`, or undefined where something else decides. */
export function optional<T>(kind: ValueKind<T>): ValueKind<T | undefined> {
  return {
    expected: kind.expected,
    parse: (text) => kind.parse(text),
    isValid: (value): value is T | undefined => value === undefined || kind.isValid(value),
    format: (value) => (value === undefined ? '' : kind.format(value)),
  };
}
