import { Command } from 'commander';
import type { Flags } from '../config/index.js';
import { integer } from '../config/value-kind.js';
import type { TestNetwork } from '../network/testnet/index.js';
import { addOptions } from './add-options.js';
import { parseValue, usageError } from './arguments.js';
import { makeContext } from './command-context.js';
import type { CommandContext } from './command-context.js';

/** What starting a relay of ours in a test network needs. */
export interface OwnRelayInit {
  readonly network: TestNetwork;
  readonly nickname: string;
  /** An exit accepts streams to loopback and private addresses. */
  readonly role: 'middle' | 'exit';
  /** For its keys; removed with the network. */
  readonly folder: string;
  readonly context: CommandContext;
}

/** A relay of ours that runs. */
export interface OwnRelay {
  readonly nickname: string;
  /** 40 hexadecimal digits. */
  readonly fingerprint: string;
  readonly port: number;
  close(): Promise<void>;
}

export type OwnRelayFactory = (init: OwnRelayInit) => Promise<OwnRelay>;

export interface TestnetSettings {
  readonly relays: number;
  readonly exits: number;
  readonly authorities: number;
  readonly torRelays: number;
  readonly torExits: number;
  readonly votingInterval: number;
}

interface TestnetFlags extends Flags {
  withTor?: boolean;
  relays: string;
  exits: string;
  authorities: string;
  torRelays: string;
  torExits: string;
  votingInterval: string;
}

const EXAMPLE = `
Example: kist-relay testnet --with-tor
  brings the network up in about half a minute and prints a curl line that goes through it. Needs Debian's package tor.`;

function settingsOf(flags: TestnetFlags): TestnetSettings {
  const count = (name: string, text: string, min = 0): number => parseValue(name, integer(min, 50), text);
  if (flags.withTor !== true)
    throw usageError('testnet needs --with-tor: its authorities are processes of tor');
  const settings = {
    relays: count('--relays', flags.relays),
    exits: count('--exits', flags.exits),
    authorities: parseValue('--authorities', integer(1, 9), flags.authorities),
    torRelays: count('--tor-relays', flags.torRelays, 1),
    torExits: count('--tor-exits', flags.torExits),
    votingInterval: parseValue('--voting-interval', integer(10, 300), flags.votingInterval),
  };
  if (settings.exits + settings.torExits === 0)
    throw usageError('a network without exits carries nothing: --exits or --tor-exits must be above 0');
  return settings;
}

/**
 * `kist-relay testnet --with-tor`: a private Tor network on loopback, tor's authorities, relays and client with relays
 * of ours as middles and exits. `startOwnRelay` makes those; without it the network is tor's alone.
 */
export function testnetCommand(startOwnRelay?: OwnRelayFactory): Command {
  const own = startOwnRelay === undefined ? '0' : '1';
  const command = new Command('testnet')
    .description('run a private Tor network on loopback, with authorities, relays and a client of tor')
    .option('--with-tor', "use the programs of Debian's package tor")
    .option('--relays <n>', 'relays of ours that are middles', own)
    .option('--exits <n>', 'relays of ours that are exits', own)
    .option('--authorities <n>', 'directory authorities', '3')
    .option(
      '--tor-relays <n>',
      'relays of tor; they are the guards, and middles where they are several',
      startOwnRelay === undefined ? '2' : '1',
    )
    .option('--tor-exits <n>', 'exits of tor', startOwnRelay === undefined ? '1' : '0')
    .option('--voting-interval <s>', 'seconds from one consensus to the next', '10')
    .addHelpText('after', EXAMPLE);
  addOptions(command, ['scheduler', 'engine', 'output']);
  return command.action(async (flags: TestnetFlags) => {
    const settings = settingsOf(flags);
    if (startOwnRelay === undefined && settings.relays + settings.exits > 0)
      throw usageError('relays of ours cannot be started here: --relays and --exits must be 0');
    const context = makeContext(flags);
    const { startTestnet } = await import('./run-testnet.js');
    await context.stop.run(
      (signal) => startTestnet(settings, context, signal, startOwnRelay),
      () => context.output.stopping(),
    );
  });
}
