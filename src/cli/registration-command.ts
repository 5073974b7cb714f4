import { Command } from 'commander';
import type { Flags } from '../config/index.js';
import { integer, ipAddress } from '../config/value-kind.js';
import { CloseStack } from '../network/close-stack.js';
import { RegistrationPage, RegistrationService } from '../registration/index.js';
import { addOptions } from './add-options.js';
import { PORT, parseValue } from './arguments.js';
import { makeContext } from './command-context.js';
import type { CommandContext } from './command-context.js';

interface RegistrationFlags {
  port: string;
  bind: string;
  lifetime: string;
  pagePort?: string;
  page: boolean;
}

interface RegistrationSettings {
  port: number;
  bind: string;
  lifetimeSeconds: number;
  /** undefined: no page. */
  pagePort: number | undefined;
}

function settingsOf(flags: RegistrationFlags): RegistrationSettings {
  const port = parseValue('--port', PORT, flags.port);
  const pagePort = flags.pagePort === undefined ? port : parseValue('--page-port', PORT, flags.pagePort);
  return {
    port,
    bind: parseValue('--bind', ipAddress(4), flags.bind),
    lifetimeSeconds: parseValue('--lifetime', integer(60, 65535), flags.lifetime),
    pagePort: flags.page ? pagePort : undefined,
  };
}

async function start(settings: RegistrationSettings, context: CommandContext): Promise<CloseStack> {
  const { output, logger } = context;
  const { bind } = settings;
  const stack = new CloseStack();
  try {
    const service = await RegistrationService.start({ ...settings, logger });
    stack.add(() => service.close());
    const { address, port } = service.address();
    output.tell('registration', { address, port }, `Registration service is up on ${address}:${port} (UDP)`);
    if (settings.pagePort !== undefined) {
      const page = await RegistrationPage.start(service, { port: settings.pagePort, bind, logger });
      stack.add(() => page.close());
      const url = `http://${bind}:${page.address().port}/`;
      output.tell('page', { url }, `Registration page is up on ${url}`);
    }
    return stack;
  } catch (error) {
    await stack.close();
    throw error;
  }
}

/** `kist-relay registration`: the directory of a Tor61 network. */
export function registrationCommand(): Command {
  const command = new Command('registration')
    .description('run a Tor61 registration service and its web page')
    .option('--port <port>', 'UDP port of the service; 0 takes any free one', '46101')
    .option('--bind <address>', 'address to listen on', '127.0.0.1')
    .option('--lifetime <seconds>', 'lifetime of a registration', '300')
    .option('--page-port <port>', "TCP port of the web page (default: the service's)")
    .option('--no-page', 'serve no web page');
  addOptions(command, ['output']);
  return command.action(async (flags: RegistrationFlags & Flags) => {
    const settings = settingsOf(flags);
    const { logLevel, json } = flags;
    const context = makeContext({ logLevel, json });
    await context.stop.run(() => start(settings, context));
  });
}
