import { TorrcError } from './torrc-error.js';
import type { ListLine } from './torrc-values.js';

/** C tor's levels of severity, the worst first. */
export const TOR_LOG_LEVELS = ['err', 'warn', 'notice', 'info', 'debug'] as const;
export type TorLogLevel = (typeof TOR_LOG_LEVELS)[number];

/** C tor's message domains. They are accepted; messages here carry none, so that a range counts for all of them. */
const DOMAINS = [
  ...['GENERAL', 'CRYPTO', 'NET', 'CONFIG', 'FS', 'PROTOCOL', 'MM', 'HTTP', 'APP', 'CONTROL', 'CIRC', 'REND'],
  ...['BUG', 'DIR', 'DIRSERV', 'OR', 'EDGE', 'ACCT', 'HIST', 'HANDSHAKE', 'HEARTBEAT', 'CHANNEL', 'SCHED'],
  ...['GUARD', 'CONSDIFF', 'DOS', 'PROCESS', 'PT', 'BTRACK', 'MESG'],
];

/** Where log lines of some levels go. */
export interface LogTarget {
  /** The levels that are written. */
  readonly levels: ReadonlySet<TorLogLevel>;
  readonly kind: 'file' | 'stdout' | 'stderr' | 'syslog';
  /** Of a file. */
  readonly path: string;
  /** As written after `Log`. */
  readonly text: string;
}

function levelNamed(name: string): TorLogLevel | undefined {
  return TOR_LOG_LEVELS.find((level) => level === name.toLowerCase());
}

/** The levels from `low` up to `high`: `notice` alone is everything from notice to err. */
function levelRange(text: string): TorLogLevel[] | undefined {
  const [low = '', high = 'err'] = text.split('-', 2);
  const from = levelNamed(low);
  const to = levelNamed(high);
  if (from === undefined || to === undefined) return undefined;
  return TOR_LOG_LEVELS.slice(TOR_LOG_LEVELS.indexOf(to), TOR_LOG_LEVELS.indexOf(from) + 1);
}

function areDomains(list: string): boolean {
  const names = list.split(',').map((name) => name.trim().replace(/^~/, '').toUpperCase());
  return names.every((name) => name === '*' || DOMAINS.includes(name));
}

const TARGET = /^(file|stdout|stderr|syslog)/i;

/** `[domains]level[-level] ...` up to the target's name. Undefined: no such levels. */
function parseLevels(text: string): { levels: Set<TorLogLevel>; rest: string } | undefined {
  const levels = new Set<TorLogLevel>();
  let rest = text.trim();
  let unqualified = 0;
  while (rest !== '' && !TARGET.test(rest)) {
    const domains = /^\[([^\]]*)\]\s*/.exec(rest);
    if (domains !== null && !areDomains(domains[1] ?? '')) return undefined;
    if (domains === null) unqualified += 1;
    rest = rest.slice(domains?.[0].length ?? 0);
    if (TARGET.test(rest)) break;
    const word = /^\S*/.exec(rest)?.[0] ?? '';
    const range = levelRange(word);
    if (range === undefined || unqualified > 1) return undefined;
    for (const level of range) levels.add(level);
    rest = rest.slice(word.length).trimStart();
  }
  return levels.size === 0 ? undefined : { levels, rest };
}

function parseLogLine({ text, position }: ListLine): LogTarget {
  const parsed = parseLevels(text);
  if (parsed === undefined)
    throw new TorrcError(`Couldn't parse log levels in Log option 'Log ${text}'`, position);
  const { levels, rest } = parsed;
  const [, word = '', path = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  const name = word.toLowerCase();
  if (name === 'file' && path !== '') return { levels, kind: 'file', path, text };
  if (path === '' && name === '') return { levels, kind: 'stdout', path, text };
  if (path === '' && (name === 'stdout' || name === 'stderr' || name === 'syslog'))
    return { levels, kind: name, path, text };
  throw new TorrcError(`Bad syntax on file Log option 'Log ${text}'`, position);
}

export function parseLogs(lines: readonly ListLine[]): LogTarget[] {
  return lines.map(parseLogLine);
}
