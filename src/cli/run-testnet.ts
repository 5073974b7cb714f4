import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CloseStack } from '../network/close-stack.js';
import { DemoSite } from '../network/demo-site.js';
import { TestNetwork } from '../network/testnet/index.js';
import type { CommandContext } from './command-context.js';
import type { Closeable } from './stop-signal.js';
import type { OwnRelay, OwnRelayFactory, TestnetSettings } from './testnet-command.js';

/** What the consensus must say of ours before the network counts as up. */
const MIDDLE_FLAGS = ['Fast', 'Running', 'Valid'];

interface OwnRelays {
  readonly middles: readonly OwnRelay[];
  readonly exits: readonly OwnRelay[];
}

async function startNetwork(
  settings: TestnetSettings,
  { output }: CommandContext,
  signal: AbortSignal,
): Promise<TestNetwork> {
  return await TestNetwork.start({
    authorities: settings.authorities,
    relays: settings.torRelays,
    exits: settings.torExits,
    clients: 1,
    votingInterval: settings.votingInterval,
    // Microdescriptors sum an exit policy up in ports of the whole Internet; ours accepts private addresses only.
    torrc: { client: ['UseMicrodescriptors 0'] },
    signal,
    onProgress: ({ text, ...fields }) => {
      output.tell('progress', fields, `${fields.seconds.toFixed(1).padStart(5)} s  ${text}`);
    },
  });
}

async function startOwn(
  network: TestNetwork,
  settings: TestnetSettings,
  context: CommandContext,
  stack: CloseStack,
  startOwnRelay: OwnRelayFactory | undefined,
): Promise<OwnRelays> {
  const start = async (role: 'middle' | 'exit', index: number): Promise<OwnRelay[]> => {
    if (startOwnRelay === undefined) return [];
    const nickname = `${role === 'exit' ? 'kistExit' : 'kistMiddle'}${index + 1}`;
    const folder = join(network.folder, nickname);
    await mkdir(folder, { mode: 0o700 });
    const relay = await startOwnRelay({ network, nickname, role, folder, context });
    stack.add(() => relay.close());
    context.output.line(`        ${nickname} (ours) is up on ${relay.port}`);
    return [relay];
  };
  const startAll = async (role: 'middle' | 'exit', count: number): Promise<OwnRelay[]> => {
    const started = await Promise.all(Array.from({ length: count }, (_, index) => start(role, index)));
    return started.flat();
  };
  return {
    middles: await startAll('middle', settings.relays),
    exits: await startAll('exit', settings.exits),
  };
}

/** Waits until every node knows ours, then has the client go through them wherever there are any. */
async function takeOursIn(network: TestNetwork, { middles, exits }: OwnRelays): Promise<void> {
  for (const { fingerprint } of middles) await network.waitForRelay(fingerprint, MIDDLE_FLAGS);
  for (const { fingerprint } of exits) await network.waitForRelay(fingerprint, [...MIDDLE_FLAGS, 'Exit']);
  for (const { fingerprint } of [...middles, ...exits]) await network.waitUntilKnown(fingerprint);
  const list = (relays: readonly { fingerprint: string }[]): string =>
    relays.map(({ fingerprint }) => fingerprint).join(',');
  for (const { process: client } of network.clients) {
    // Authorities would be middles as well. (MiddleNodes would have tor miss guards among ours.)
    if (middles.length > 0) await client.link.ask(`SETCONF ExcludeNodes=${list(network.authorities)}`);
    if (exits.length > 0) await client.link.ask(`SETCONF ExitNodes=${list(exits)}`);
  }
  await network.nextConsensus();
}

function tellReady(network: TestNetwork, ours: OwnRelays, site: string, { output }: CommandContext): void {
  const [client] = network.clients;
  const socks = { host: '127.0.0.1', port: client?.socksPort ?? 0 };
  const authorities = network.authorities.map(({ name, orPort, dirPort, fingerprint }) => {
    return { name, orPort, dirPort, fingerprint };
  });
  const relays = [...network.relays, ...network.exits].map(({ name, orPort, fingerprint }) => {
    return { name, orPort, fingerprint };
  });
  const own = [...ours.middles, ...ours.exits].map(({ nickname, port, fingerprint }) => {
    return { name: nickname, orPort: port, fingerprint };
  });
  output.tell('ready', { authorities, relays, own, socks, controlPort: client?.controlPort, site });
  const show = (
    what: string,
    nodes: readonly { name: string; orPort: number; fingerprint: string }[],
  ): void => {
    for (const { name, orPort, fingerprint } of nodes)
      output.line(`${what.padEnd(10)} ${name.padEnd(12)} 127.0.0.1:${orPort}  ${fingerprint}`);
  };
  show('authority', authorities);
  show('tor', relays);
  show('ours', own);
  output.line(`SOCKS port ${socks.host}:${socks.port}, control port ${client?.controlPort ?? 0}`);
  output.line(`Files and logs are in ${network.folder}; they go with the network.`);
  output.line('A relay of yours joins with these lines in its torrc:');
  for (const line of network.joiningLines()) output.line(`  ${line}`);
  output.line(`Try it:  curl --socks5-hostname ${socks.host}:${socks.port} ${site}/`);
  output.line('Ctrl-C ends it.');
}

/** The network with ours in it, until `close()`. What fails on the way releases everything. */
export async function startTestnet(
  settings: TestnetSettings,
  context: CommandContext,
  signal: AbortSignal,
  startOwnRelay: OwnRelayFactory | undefined,
): Promise<Closeable> {
  const stack = new CloseStack();
  try {
    const network = await startNetwork(settings, context, signal);
    stack.add(() => network.close());
    // Ours start before the first vote, so that the first consensus may have them.
    const ours = await startOwn(network, settings, context, stack, startOwnRelay);
    await network.ready();
    await takeOursIn(network, ours);
    const site = await DemoSite.start();
    stack.add(() => site.close());
    tellReady(network, ours, site.origin, context);
    return { close: () => stack.close() };
  } catch (error) {
    await stack.close().catch(() => undefined);
    throw error;
  }
}
