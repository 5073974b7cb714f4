import { BYTE_UNITS, MILLISECOND_UNITS, SECOND_UNITS, parseUnits } from './units.js';
import type { UnitTable } from './units.js';

/** How an option's text is read. Lists keep each line as it is; `nodes` names relays and is only for clients. */
export const OPTION_TYPES = [
  'bool',
  'autobool',
  'int',
  'posint',
  'real',
  'bytes',
  'interval',
  'msec',
  'csv-interval',
  'csv',
  'text',
  'file',
  'nodes',
  'list',
] as const;
export type OptionType = (typeof OPTION_TYPES)[number];

/** What is wrong with a text, in C tor's words; undefined: nothing. */
type Check = (text: string) => string | undefined;

const INT_MAX = 2 ** 31 - 1;

function wholeNumber(min: number): Check {
  return (text) => {
    const value = /^\s*[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= INT_MAX) return undefined;
    return `Integer ${text} is malformed or out of bounds. Allowed values are between ${min} and ${INT_MAX}.`;
  };
}

function withUnits(units: UnitTable, max: number): Check {
  return (text) => {
    const parsed = parseUnits(text, units);
    if ('fault' in parsed) return `Provided value is malformed or out of bounds: ${parsed.fault}`;
    return parsed.value > max ? `Provided value ${text} is too large` : undefined;
  };
}

function oneOf(allowed: string, ...names: readonly string[]): Check {
  return (text) =>
    names.includes(text.toLowerCase())
      ? undefined
      : `Unrecognized value ${text}. Allowed values are ${allowed}.`;
}

const seconds = withUnits(SECOND_UNITS, INT_MAX);

const CHECKS: Partial<Readonly<Record<OptionType, Check>>> = {
  bool: oneOf('0 and 1', '0', '1'),
  autobool: oneOf('0, 1, and auto', '0', '1', 'auto'),
  int: wholeNumber(-(2 ** 31)),
  posint: wholeNumber(0),
  real: (text) =>
    /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))
      ? undefined
      : `Could not convert "${text}" to a number.`,
  bytes: withUnits(BYTE_UNITS, Number.MAX_VALUE),
  interval: seconds,
  msec: withUnits(MILLISECOND_UNITS, INT_MAX),
  // A list of times once; only the first counts now.
  'csv-interval': (text) => seconds(text.split(',', 1)[0] ?? ''),
};

/** Why `text` is no value of that type, or undefined. */
export function faultOf(type: OptionType, text: string): string | undefined {
  return CHECKS[type]?.(text);
}

/** Comma-separated, without blank entries. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
