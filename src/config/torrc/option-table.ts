import { ALIASES, DEPRECATED, OBSOLETE, SINGULAR, VIRTUAL } from './old-names.js';
import { OPTION_TYPES } from './option-types.js';
import type { OptionType } from './option-types.js';
import { CLIENT } from './options-client.js';
import { HONOURED, REFUSED } from './options-honoured.js';
import { ACCEPTED, AUTHORITY, UNSUPPORTED } from './options-other.js';

/**
 * What becomes of an option: acted on; refused unless at its default; read without effect (nothing to do, for clients,
 * for authorities, not supported); skipped because C tor itself gave it up.
 */
export type Treatment =
  'honoured' | 'refused' | 'accepted' | 'client' | 'authority' | 'unsupported' | 'obsolete';

export interface TorrcOption {
  readonly name: string;
  readonly type: OptionType;
  readonly default: string | undefined;
  readonly treatment: Treatment;
  /** A reload cannot change it. */
  readonly isFixed: boolean;
  /** Where its lines are kept: `__ORPort` adds to the list of `ORPort`. */
  readonly key: string;
  readonly isDeprecated: boolean;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

const deprecated = new Set(words(DEPRECATED));

function parseRow(row: string, treatment: Treatment): TorrcOption {
  const [written = '', type = '', ...rest] = row.trim().split(' ');
  const name = written.replace('!', '');
  const known = OPTION_TYPES.find((candidate) => candidate === type) ?? 'text';
  return {
    name,
    type: known,
    default: rest.length === 0 ? undefined : rest.join(' '),
    treatment,
    isFixed: written.endsWith('!'),
    key: known === 'list' ? name.replace(/^__/, '') : name,
    isDeprecated: deprecated.has(name),
  };
}

function parseTable(text: string, treatment: Treatment): TorrcOption[] {
  const rows = text.split('\n').filter((row) => row.trim() !== '');
  return rows.map((row) => parseRow(row, treatment));
}

/** Every option that C tor lists, by name. */
const LISTED: readonly TorrcOption[] = [
  ...parseTable(HONOURED, 'honoured'),
  ...parseTable(REFUSED, 'refused'),
  ...parseTable(ACCEPTED, 'accepted'),
  ...parseTable(UNSUPPORTED, 'unsupported'),
  ...parseTable(AUTHORITY, 'authority'),
  ...parseTable(CLIENT, 'client'),
].sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));

const obsolete = words(OBSOLETE).map((name) => parseRow(`${name} text`, 'obsolete'));
const byName = new Map([...LISTED, ...obsolete].map((option) => [option.name.toLowerCase(), option]));
const virtual = new Set(words(VIRTUAL).map((name) => name.toLowerCase()));

interface Alias {
  readonly from: string;
  readonly to: string;
  readonly warns: boolean;
  readonly isForArguments: boolean;
}

const aliases: readonly Alias[] = [
  ...words(SINGULAR).map((from) => ({ from, to: `${from}s`, warns: false, isForArguments: false })),
  ...ALIASES.split('\n')
    .filter((row) => row.trim() !== '')
    .map((row) => {
      const [from = '', to = '', mark] = words(row);
      return { from, to, warns: mark === 'warn', isForArguments: mark === 'arguments' };
    }),
];

/** The names that C tor lists, as `--list-torrc-options` prints them. */
export function listTorrcOptions(): readonly TorrcOption[] {
  return LISTED;
}

export function listDeprecatedNames(): readonly string[] {
  return [...deprecated];
}

/** The option of exactly that name, in any case. */
export function optionNamed(name: string): TorrcOption | undefined {
  return byName.get(name.toLowerCase());
}

/** What a written name stands for, and what to tell about it. */
export interface FoundOption {
  readonly option: TorrcOption | undefined;
  readonly isVirtual: boolean;
  readonly warning: string | undefined;
}

/** Resolves aliases, then the name in any case, then (as C tor does, with a warning) the beginning of a name. */
export function findOption(written: string, fromArguments: boolean): FoundOption {
  let name = written;
  let warning: string | undefined;
  for (const alias of aliases) {
    if (alias.from.toLowerCase() !== name.toLowerCase() || (alias.isForArguments && !fromArguments)) continue;
    if (alias.warns)
      warning = `The configuration option '${alias.from}' is deprecated; use '${alias.to}' instead.`;
    name = alias.to;
  }
  const lower = name.toLowerCase();
  const isVirtual = virtual.has(lower);
  const exact = byName.get(lower);
  if (exact !== undefined || isVirtual || name === '') return { option: exact, isVirtual, warning };
  const longer = LISTED.find((option) => option.name.toLowerCase().startsWith(lower));
  if (longer !== undefined)
    warning = `The abbreviation '${name}' is deprecated. Please use '${longer.name}' instead`;
  return { option: longer, isVirtual, warning };
}
