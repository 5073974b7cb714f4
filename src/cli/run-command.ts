import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import { Command } from 'commander';
import {
  TorrcError,
  listDeprecatedNames,
  listTorrcOptions,
  loadTorrc,
  parseTorArguments,
} from '../config/torrc/index.js';
import type { LoadedTorrc, TorArguments, TorrcSources } from '../config/torrc/index.js';
import type { Clock } from '../util/clock.js';
import { systemClock } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import { productVersion } from './command-context.js';
import { EXIT } from './exit-codes.js';
import { dumpConfig } from './run-command-dump.js';
import { NO_OR_PORT, RelaySession } from './run-command-session.js';
import { accountToBecome } from './run-command-user.js';
import type { RelayFactory } from './runnable-relay.js';
import type { SignalSource } from './signals.js';
import { TorLog } from './tor-log.js';
import type { LogOutlets } from './tor-log-sinks.js';

/** What the command needs of its surroundings; tests bring their own. */
export interface RunDependencies {
  readonly factory: RelayFactory;
  readonly outlets: LogOutlets;
  readonly clock: Clock;
  readonly signals: SignalSource;
}

/** C tor's status for everything that goes wrong. */
const FAILED = 1;
const SYSTEM_TORRC = '/etc/tor/torrc';
const SYSTEM_DEFAULTS = '/etc/tor/torrc-defaults';
const STANDARD_INPUT = '-';

/** Without `-f`: the system's torrc, or else one in the home folder; either may be missing. */
function sourcesOf(args: TorArguments): TorrcSources {
  const { torrc, options } = args;
  const common = { defaultsFile: args.defaultsTorrc ?? SYSTEM_DEFAULTS, arguments: options };
  if (torrc === STANDARD_INPUT) return { ...common, text: readFileSync(0, 'utf8') };
  if (torrc !== undefined) return { ...common, file: torrc, mayBeMissing: args.mayBeMissing };
  const file = existsSync(SYSTEM_TORRC) ? SYSTEM_TORRC : `${homedir()}/.torrc`;
  return { ...common, file, mayBeMissing: true };
}

function tellFailure(log: TorLog, error: unknown): number {
  log.warn(`Failed to parse/validate config: ${messageOf(error)}`);
  log.log('err', 'Reading config failed--see warnings above.');
  return FAILED;
}

function requireOrPort({ config, values }: LoadedTorrc): void {
  if (config.orPorts.length === 0) values.refuse('ORPort', NO_OR_PORT);
}

const MODULES = ['relay: yes', 'dirauth: no', 'dircache: no', 'pow: no'];

/** Commands that need no configuration; undefined for those that do. */
function printList({ command }: TorArguments): readonly string[] | undefined {
  if (command === 'version') return [`kist-relay version ${productVersion()}.`];
  if (command === 'help') return [HELP];
  if (command === 'list-modules') return MODULES;
  if (command === 'list-torrc-options') return listTorrcOptions().map(({ name }) => name);
  if (command === 'list-deprecated-options') return listDeprecatedNames();
  return undefined;
}

function dumpLines({ argument }: TorArguments, { values, base }: LoadedTorrc): string[] {
  return dumpConfig(values, base, argument === undefined || argument === 'short' ? 'short' : 'full');
}

function isOnConsole({ config }: LoadedTorrc): boolean {
  return config.logs.length === 0 || config.logs.some(({ kind }) => kind !== 'file');
}

async function runSession(
  sources: TorrcSources,
  loaded: LoadedTorrc,
  log: TorLog,
  dependencies: RunDependencies,
): Promise<number> {
  // Timers keep no process alive, and neither does a relay whose last connection closed: the stop has to end it.
  const { port1: awake } = new MessageChannel();
  awake.ref();
  try {
    await new RelaySession({ ...dependencies, sources, loaded, log }).run();
    return EXIT.ok;
  } catch (error) {
    const text = `The relay cannot run: ${messageOf(error)}`;
    log.log('err', text);
    // Whoever started it looks at the console first.
    if (!isOnConsole(loaded)) dependencies.outlets.stderr.write(`kist-relay: ${text}\n`);
    return FAILED;
  } finally {
    awake.close();
    log.close();
  }
}

async function perform(args: TorArguments, log: TorLog, dependencies: RunDependencies): Promise<number> {
  const { outlets } = dependencies;
  const print = (lines: readonly string[]): number => {
    for (const line of lines) outlets.stdout.write(`${line}\n`);
    return EXIT.ok;
  };
  const list = printList(args);
  if (list !== undefined) return print(list);
  if (!['run', 'verify-config', 'dump-config'].includes(args.command))
    throw new TorrcError(`--${args.command} is not supported by this relay`);
  const sources = sourcesOf(args);
  const loaded = loadTorrc(sources);
  if (args.command === 'dump-config') return print(dumpLines(args, loaded));
  requireOrPort(loaded);
  accountToBecome(loaded.config);
  if (args.command === 'run') return runSession(sources, loaded, log, dependencies);
  log.tell(loaded.notices);
  return print(['Configuration was valid']);
}

/** `kist-relay run` with a command line in C tor's language. Gives the exit code; never throws. */
export async function runTor(argv: readonly string[], dependencies: RunDependencies): Promise<number> {
  const { clock, outlets } = dependencies;
  const open = (quiet: 0 | 1 | 2): TorLog => new TorLog({ clock, outlets, quiet });
  try {
    const args = parseTorArguments(argv);
    const log = open(args.command === 'dump-config' ? 2 : args.quiet);
    return await perform(args, log, dependencies).catch((error: unknown) =>
      tellFailure(args.quiet === 2 ? log : open(args.quiet), error),
    );
  } catch (error) {
    return tellFailure(open(0), error);
  }
}

const HELP = `Usage: kist-relay run [-f torrc] [--defaults-torrc file] [--verify-config] [Option value ...]

Runs a Tor relay by a torrc, with C tor's options and command line:
  -f FILE                   the torrc; - reads standard input
  --defaults-torrc FILE     options that the torrc may change
  --verify-config           only say whether the configuration is valid
  --dump-config short|full  print the configuration
  --list-torrc-options      print every option's name
  --quiet, --hush           nothing on the console, warnings only
  Option value              as in a torrc; +Option adds to a list, /Option clears it`;

/** The command for the program: its words are C tor's, so that commander passes them on as they are. */
export function runCommand(factory: RelayFactory): Command {
  const { env, stdout, stderr } = process;
  return new Command('run')
    .description('run a Tor relay by a torrc, with the options and command line of C tor')
    .argument('[words...]', 'as C tor takes them, such as -f torrc --verify-config')
    .helpOption(false)
    .allowUnknownOption()
    .action(async (words: readonly string[]) => {
      const outlets = { env, stdout, stderr };
      process.exitCode = await runTor(words, { factory, outlets, clock: systemClock, signals: process });
    });
}
