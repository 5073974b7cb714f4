import { KistError } from '../util/errors.js';
import { makeConfig } from './make-config.js';
import type { CheckedConfig } from './make-config.js';
import { flagKey } from './option.js';
import type { RelayConfig } from './relay-config.js';
import { listOptions } from './schema.js';
import type { NamedOption } from './schema.js';

/** A flag or variable with a value that does not fit. `code` is `ERR_KIST_OPTION`. */
function optionError(name: string, option: NamedOption, text: string): KistError {
  const message = `${name} must be ${option.kind.expected}, got ${JSON.stringify(text)}`;
  return new KistError('ERR_KIST_OPTION', message, 'operator');
}

function valueOf(option: NamedOption, flags: Flags, env: Environment): unknown {
  const flag = flags[flagKey(option.flag)];
  if (typeof flag === 'boolean') return flag;
  const variable = option.env === undefined ? undefined : env[option.env];
  const text = flag ?? (variable === '' ? undefined : variable);
  if (text === undefined) return undefined;
  const value = option.kind.parse(text);
  if (value === undefined)
    throw optionError(flag === undefined ? String(option.env) : option.flag, option, text);
  return value;
}

/** What the command line says, by commander's names: text, or a boolean for a switch. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration that flags say; where one is missing the environment, then the default. */
export function configFromFlags(flags: Flags, env: Environment): CheckedConfig {
  const entries = listOptions().map((option) => [option.key, valueOf(option, flags, env)] as const);
  const settings = Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  return makeConfig(settings as Partial<RelayConfig>);
}
