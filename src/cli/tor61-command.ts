import { Command } from 'commander';
import type { Flags } from '../config/index.js';
import { addOptions } from './add-options.js';
import { GROUP, INSTANCE, PORT, parseValue } from './arguments.js';
import { makeContext } from './command-context.js';
import { checkPlatform } from './platform.js';

const EXAMPLE = `
Example: kist-relay tor61 3147 2 46110
  runs the relay Tor61Router-3147-0002 with its HTTP proxy on port 46110.`;

/** `kist-relay tor61 GROUP INSTANCE PORT`: a Tor61 relay, a circuit of its own and an HTTP proxy over it. */
export function tor61Command(): Command {
  const command = new Command('tor61')
    .description('run a Tor61 relay and an HTTP proxy over a circuit of three hops')
    .argument('<group>', 'group number, decimal, 1 to 9999')
    .argument('<instance>', 'instance number, decimal, 0 to 9999')
    .argument('<proxy-port>', 'TCP port of the HTTP proxy; 0 takes any free one')
    .addHelpText('after', EXAMPLE);
  addOptions(command, ['relay', 'scheduler', 'engine', 'output']);
  return command.action(async (group: string, instance: string, proxyPort: string, flags: Flags) => {
    const router = {
      group: parseValue('the group number', GROUP, group),
      instance: parseValue('the instance number', INSTANCE, instance),
      proxyPort: parseValue('the proxy port', PORT, proxyPort),
    };
    const context = makeContext(flags);
    checkPlatform();
    // Loaded late: help and usage errors do not need it.
    const { startTor61 } = await import('./run-tor61.js');
    await context.stop.run(
      (signal) => startTor61(router, context, signal),
      () => context.output.stopping(),
    );
  });
}
