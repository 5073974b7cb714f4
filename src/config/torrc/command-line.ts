import { makeLine } from './scan-lines.js';
import type { TorrcLine } from './scan-lines.js';
import { TorrcError } from './torrc-error.js';

/** What C tor's command line can ask for besides running. */
export type TorCommand =
  | 'run'
  | 'verify-config'
  | 'dump-config'
  | 'list-torrc-options'
  | 'list-deprecated-options'
  | 'list-modules'
  | 'version'
  | 'help'
  | 'hash-password'
  | 'list-fingerprint'
  | 'keygen'
  | 'keygen-family'
  | 'key-expiration';

/** A command line in C tor's language. */
export interface TorArguments {
  readonly command: TorCommand;
  /** What follows the command's name, where it takes something. */
  readonly argument: string | undefined;
  readonly torrc: string | undefined;
  readonly defaultsTorrc: string | undefined;
  readonly mayBeMissing: boolean;
  /** 1: warnings only; 2: nothing on the console. */
  readonly quiet: 0 | 1 | 2;
  /** `Name value`, `--Name value`, `+Name value`, `/Name`. */
  readonly options: readonly TorrcLine[];
  /** Words that go with key commands (`--format`, `--passphrase-fd`, ...), by name. */
  readonly words: ReadonlyMap<string, string>;
}

interface Word {
  readonly takes: 'nothing' | 'one' | 'maybe';
  readonly command?: TorCommand;
}

const COMMAND = (takes: Word['takes'], command: TorCommand): Word => ({ takes, command });

const WORDS: ReadonlyMap<string, Word> = new Map<string, Word>([
  ['-f', { takes: 'one' }],
  ['--torrc-file', { takes: 'one' }],
  ['--defaults-torrc', { takes: 'one' }],
  ['--allow-missing-torrc', { takes: 'nothing' }],
  ['--ignore-missing-torrc', { takes: 'nothing' }],
  ['--quiet', { takes: 'nothing' }],
  ['--hush', { takes: 'nothing' }],
  ['--verify-config', COMMAND('nothing', 'verify-config')],
  ['--dump-config', COMMAND('maybe', 'dump-config')],
  ['--list-torrc-options', COMMAND('nothing', 'list-torrc-options')],
  ['--list-deprecated-options', COMMAND('nothing', 'list-deprecated-options')],
  ['--list-modules', COMMAND('nothing', 'list-modules')],
  ['--version', COMMAND('nothing', 'version')],
  ['--help', COMMAND('nothing', 'help')],
  ['-h', COMMAND('nothing', 'help')],
  ['--hash-password', COMMAND('one', 'hash-password')],
  ['--list-fingerprint', COMMAND('maybe', 'list-fingerprint')],
  ['--keygen', COMMAND('nothing', 'keygen')],
  ['--keygen-family', COMMAND('one', 'keygen-family')],
  ['--key-expiration', COMMAND('maybe', 'key-expiration')],
  ['--format', { takes: 'one' }],
  ['--passphrase-fd', { takes: 'one' }],
  ['--newpass', { takes: 'nothing' }],
  ['--no-passphrase', { takes: 'nothing' }],
]);

const PLACE = { file: 'command line', line: 0 };

/** Reads the words that follow the program's name, as C tor does. Throws TorrcError for one that lacks its value. */
export function parseTorArguments(args: readonly string[]): TorArguments {
  const words = new Map<string, string>();
  const options: TorrcLine[] = [];
  let command: TorCommand = 'run';
  let argument: string | undefined;
  for (let at = 0; at < args.length; at += 1) {
    const name = args[at] ?? '';
    const word = WORDS.get(name);
    const written = word === undefined ? name.replace(/^-{1,2}/, '') : name;
    const takes = word?.takes ?? (written.startsWith('/') ? 'nothing' : 'one');
    const next = args[at + 1];
    const isTaken = takes === 'one' || (takes === 'maybe' && next !== undefined && !next.startsWith('-'));
    if (takes === 'one' && next === undefined)
      throw new TorrcError(`Command-line option '${name}' with no value. Failing.`);
    const value = isTaken ? (next ?? '') : '';
    if (isTaken) at += 1;
    if (word === undefined) options.push(makeLine(written, value, PLACE));
    else words.set(name, value);
    if (word?.command !== undefined) [command, argument] = [word.command, isTaken ? value : undefined];
  }
  return { command, argument, ...filesOf(words), options, words };
}

function filesOf(
  words: ReadonlyMap<string, string>,
): Pick<TorArguments, 'torrc' | 'defaultsTorrc' | 'mayBeMissing' | 'quiet'> {
  if (words.has('-f') && words.has('--torrc-file'))
    throw new TorrcError('-f and --torrc-file cannot be used together.');
  return {
    torrc: words.get('-f') ?? words.get('--torrc-file'),
    defaultsTorrc: words.get('--defaults-torrc'),
    mayBeMissing:
      words.has('--ignore-missing-torrc') || words.has('--allow-missing-torrc') || words.has('--keygen'),
    quiet: words.has('--quiet') ? 2 : words.has('--hush') ? 1 : 0,
  };
}
