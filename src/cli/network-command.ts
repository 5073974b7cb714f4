import { Command } from 'commander';
import type { Flags } from '../config/index.js';
import { integer } from '../config/value-kind.js';
import { addOptions } from './add-options.js';
import { PORT, parseValue } from './arguments.js';
import { makeContext } from './command-context.js';
import { checkPlatform } from './platform.js';

/** An embedded network decides these by itself. */
const DECIDED = ['registration', 'bind', 'proxyBind', 'routerPort', 'allowPrivateTargets'];

interface NetworkFlags extends Flags {
  relays: string;
  proxyPort: string;
  smoke?: boolean;
}

/** `kist-relay network`: a registration service, relays and a proxy in one process; what `npm start` runs. */
export function networkCommand(): Command {
  const command = new Command('network')
    .description('run a whole network in this process: registration service, relays, HTTP proxy')
    .option('--relays <n>', 'number of relays', '5')
    .option('--proxy-port <port>', 'port of the HTTP proxy; when it is in use the next free one', '8118')
    .option('--smoke', 'fetch pages through it, check every byte and every hop, and exit');
  addOptions(command, ['scheduler', 'engine', 'relay', 'output'], DECIDED);
  return command.action(async (flags: NetworkFlags) => {
    const settings = {
      relays: parseValue('--relays', integer(1, 200), flags.relays),
      proxyPort: parseValue('--proxy-port', PORT, flags.proxyPort),
    };
    const context = makeContext(flags);
    checkPlatform();
    const { runSmokeTest, startNetwork } = await import('./run-network.js');
    if (flags.smoke === true) await runSmokeTest(settings, context);
    else
      await context.stop.run(
        (signal) => startNetwork(settings, context, signal),
        () => context.output.stopping(),
      );
  });
}
