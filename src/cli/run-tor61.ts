import { agentIdOf, formatRouterName } from '../dialect/tor61/router-name.js';
import { RegistrationDiscovery } from '../discovery/index.js';
import { loadBinding } from '../native/binding.js';
import { DataPlane } from '../native/data-plane.js';
import { CloseStack } from '../network/close-stack.js';
import { formatCircuit } from '../network/hops.js';
import { Origin } from '../origin/index.js';
import { HttpProxy } from '../proxy/index.js';
import { Relay } from '../relay/index.js';
import type { CommandContext } from './command-context.js';
import { dataPlaneOptions, explainStart, publicHost, socketOptions } from './relay-settings.js';
import { StatsTicker } from './stats-ticker.js';

export interface Tor61Router {
  readonly group: number;
  readonly instance: number;
  readonly proxyPort: number;
}

function makePlane({ config, logger }: CommandContext, stack: CloseStack): DataPlane {
  const binding = loadBinding();
  const plane = new DataPlane(dataPlaneOptions(config, binding.info().schedulers), { binding, logger });
  stack.add(() => plane.close());
  return plane;
}

async function makeRelay(
  router: Tor61Router,
  context: CommandContext,
  stack: CloseStack,
): Promise<{ relay: Relay; discovery: RegistrationDiscovery }> {
  const { config, logger } = context;
  const plane = makePlane(context, stack);
  const discovery = await RegistrationDiscovery.open({ ...config.registration, logger });
  stack.add(() => discovery.close());
  const relay = new Relay({
    agentId: agentIdOf(router.group, router.instance),
    name: formatRouterName(router.group, router.instance),
    host: config.bind,
    port: config.routerPort,
    publicHost: await publicHost(config.bind, config.registration),
    discovery,
    dataPlane: plane,
    exit: { allowPrivateTargets: config.allowPrivateTargets },
    ...socketOptions(config),
    logger,
  });
  stack.add(() => relay.stop());
  return { relay, discovery };
}

function makeOrigin(
  relay: Relay,
  discovery: RegistrationDiscovery,
  { output, logger }: CommandContext,
  stack: CloseStack,
): Origin {
  const origin = new Origin({ channels: relay.channels, discovery, selfId: relay.agentId, logger });
  stack.add(() => origin.close());
  origin.on('circuit', (hops) => output.tell('circuit', { hops }, formatCircuit(hops)));
  origin.on('lost', (error) => output.tell('lost', { code: error.code, message: error.message }));
  return origin;
}

async function bringUp(router: Tor61Router, context: CommandContext, stack: CloseStack): Promise<void> {
  const { config, output, logger } = context;
  const { host: service, port: servicePort } = config.registration;
  output.line(`Registering ${formatRouterName(router.group, router.instance)} at ${service}:${servicePort}`);
  const { relay, discovery } = await makeRelay(router, context, stack);
  const origin = makeOrigin(relay, discovery, context, stack);
  const proxy = new HttpProxy({ dialer: origin, host: config.proxyBind, port: router.proxyPort, logger });
  stack.add(() => proxy.close());
  // The proxy's port is tried first: a router that cannot stay should not be registered.
  const { host, port } = await proxy.listen();
  const record = await relay.start();
  output.tell('router', record, `${record.name} (agent ID ${record.agentId})`);
  output.tell('proxy', { host, port }, `HTTP proxy is up on port ${port}`);
  output.line(`Tor61 router is up on port ${record.port}`);
  origin.start();
  const stats = () => ({ ...relay.stats(), origin: origin.stats(), proxy: proxy.stats() });
  const ticker = new StatsTicker({ output, source: { stats }, live: false });
  stack.add(() => ticker.close());
}

/** Brings a relay, its origin and its proxy up; closing what is returned takes them down and unregisters. */
export async function startTor61(
  router: Tor61Router,
  context: CommandContext,
  signal: AbortSignal,
): Promise<CloseStack> {
  const stack = new CloseStack();
  const release = stack.closeOnAbort(signal);
  try {
    await bringUp(router, context, stack);
    return stack;
  } catch (error) {
    await stack.close().catch(() => undefined);
    signal.throwIfAborted();
    throw explainStart(error, context.config);
  } finally {
    release();
  }
}
