import { Command, CommanderError } from 'commander';
import { usageError } from './arguments.js';
import { productVersion } from './command-context.js';
import { networkCommand } from './network-command.js';
import { optionsCommand } from './options-command.js';
import { startOwnTorRelay } from './own-tor-relay.js';
import { registrationCommand } from './registration-command.js';
import { runCommand } from './run-command.js';
import { testnetCommand } from './testnet-command.js';
import { tor61Command } from './tor61-command.js';
import { TorRelayRunner } from './tor-relay-runner.js';

const EXIT_NOTE = `
Exit codes: 0 done or stopped cleanly, 1 unexpected, 2 wrong usage, 3 no registration service,
4 address in use, 5 unsupported platform, 6 smoke test failed.`;

/** The whole command line. Errors are thrown, never printed by commander itself. */
export function makeProgram(): Command {
  const program = new Command('kist-relay')
    .description('A cell-switching onion relay with KIST scheduling, and the network around it.')
    .version(productVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', EXIT_NOTE);
  const commands = [
    networkCommand(),
    tor61Command(),
    registrationCommand(),
    runCommand((config, context) => TorRelayRunner.make(config, context)),
    testnetCommand(startOwnTorRelay),
  ];
  for (const command of commands) program.addCommand(command);
  program.addCommand(optionsCommand(), { hidden: true });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
    command.allowExcessArguments(false).showHelpAfterError(false);
  }
  return program;
}

/** Runs one command line to its end. Throws what went wrong; help and version are no errors. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  if (argv.length === 0) throw usageError('a command is needed; kist-relay --help lists them');
  try {
    await makeProgram().parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw usageError(`${error.message.replace(/^error: /, '')}; kist-relay --help tells more`);
  }
}
