import { RegistrationDiscovery } from '../discovery/index.js';
import { agentIdOf } from '../dialect/tor61/router-name.js';
import type { NativeOwnerStats, NativeStats } from '../native/binding-types.js';
import { DataPlane } from '../native/data-plane.js';
import { Origin } from '../origin/index.js';
import type { OriginStats } from '../origin/index.js';
import { HttpProxy } from '../proxy/index.js';
import type { ProxySnapshot } from '../proxy/index.js';
import { RegistrationPage, RegistrationService } from '../registration/index.js';
import { Relay } from '../relay/index.js';
import { closedError } from '../util/errors.js';
import { CloseStack } from './close-stack.js';
import { DemoSite } from './demo-site.js';
import { resolveNetworkOptions } from './embedded-network-options.js';
import type {
  EmbeddedNetworkOptions,
  NetworkProgress,
  ResolvedNetworkOptions,
} from './embedded-network-options.js';
import type { ProxyAddress } from './proxy-fetch.js';
import type { HopCount } from './smoke.js';

const HOST = '127.0.0.1';
const GROUP = 1;
const PROXY_PORT_SEARCH = 100;

export interface NetworkStats {
  readonly origin: OriginStats;
  readonly proxy: ProxySnapshot;
  readonly dataPlane: NativeStats;
}

interface NetworkParts {
  readonly service: RegistrationService;
  readonly site: DemoSite;
  readonly origin: Origin;
  readonly proxy: HttpProxy;
}

/** DATA cells of one relay: passed on, or packed and unpacked where the circuit ends. */
function countHop(name: string, cells: NativeOwnerStats | undefined): HopCount {
  const awayFromOrigin = (cells?.dataForward ?? 0) + (cells?.dataUnpacked ?? 0);
  return { name, awayFromOrigin, towardOrigin: (cells?.dataBackward ?? 0) + (cells?.dataPacked ?? 0) };
}

/**
 * A whole Tor61 network in this process, on loopback: a registration service with its page, relays that share one data
 * plane, an origin that keeps a circuit of three, an HTTP proxy over it, and a small site to try it with.
 *
 * States: starting (`start()`) -> running -> stopped (`stop()`, everything released). Its relays let streams exit to
 * loopback addresses: whoever reaches its proxy is on this machine already. The origin has an agent ID of its own that
 * is not registered, so that each hop's counters count that hop alone.
 */
export class EmbeddedNetwork {
  readonly #options: ResolvedNetworkOptions;
  readonly #stack = new CloseStack();
  readonly #plane: DataPlane;
  readonly #relays: Relay[] = [];
  #parts: NetworkParts | undefined;
  #proxyAddress: ProxyAddress = { host: HOST, port: 0 };

  private constructor(options: ResolvedNetworkOptions) {
    this.#options = options;
    this.#plane = new DataPlane(options.dataPlane, { logger: options.logger });
    this.#stack.add(() => this.#plane.close());
  }

  /** Resolves when the proxy listens and a circuit is ready. What fails on the way releases everything. */
  static async start(options: EmbeddedNetworkOptions = {}): Promise<EmbeddedNetwork> {
    const resolved = resolveNetworkOptions(options);
    const { signal } = resolved;
    signal?.throwIfAborted();
    const network = new EmbeddedNetwork(resolved);
    const release = signal === undefined ? undefined : network.#stack.closeOnAbort(signal);
    try {
      await network.#start();
      signal?.throwIfAborted();
      return network;
    } catch (error) {
      await network.stop().catch(() => undefined);
      signal?.throwIfAborted();
      throw error;
    } finally {
      release?.();
    }
  }

  /** Where the HTTP proxy listens. */
  get proxy(): ProxyAddress {
    return this.#proxyAddress;
  }

  get relays(): readonly Relay[] {
    return this.#relays;
  }

  /** For circuits of one's own: `origin.buildCircuit(path)`, `origin.connect(target)`. */
  get origin(): Origin {
    return this.#running().origin;
  }

  get site(): DemoSite {
    return this.#running().site;
  }

  get registration(): { address: string; port: number } {
    return this.#running().service.address();
  }

  /** The current circuit's relays in order, each with the DATA cells that it carried since the start. */
  hops(): HopCount[] {
    const path = this.#running().origin.circuit?.path ?? [];
    return path.map(({ name, agentId }) => {
      const relay = this.#relays.find((candidate) => candidate.agentId === agentId);
      return countHop(name, relay?.stats().cells);
    });
  }

  stats(): NetworkStats {
    const { origin, proxy } = this.#running();
    return { origin: origin.stats(), proxy: proxy.stats(), dataPlane: this.#plane.stats() };
  }

  /** Releases everything, last opened first. Idempotent. */
  stop(): Promise<void> {
    return this.#stack.close();
  }

  async #start(): Promise<void> {
    const service = await this.#startRegistration();
    const { port } = service.address();
    for (let instance = 1; instance <= this.#options.relays; instance++)
      await this.#startRelay(instance, port);
    const origin = await this.#startOrigin(port);
    const proxy = await this.#startProxy(origin);
    const site = await this.#startSite();
    this.#parts = { service, site, origin, proxy };
    await origin.ready(this.#options.signal);
  }

  async #startRegistration(): Promise<RegistrationService> {
    const { logger } = this.#options;
    const service = await RegistrationService.start({ port: 0, bind: HOST, logger });
    this.#stack.add(() => service.close());
    this.#tell('registration', 'Registration service', service.address().port);
    const page = await RegistrationPage.start(service, { port: 0, bind: HOST, logger });
    this.#stack.add(() => page.close());
    this.#tell('page', 'Registration page', page.address().port, 'http://');
    return service;
  }

  async #openDiscovery(port: number): Promise<RegistrationDiscovery> {
    const discovery = await RegistrationDiscovery.open({ host: HOST, port, logger: this.#options.logger });
    this.#stack.add(() => discovery.close());
    return discovery;
  }

  async #startRelay(instance: number, registrationPort: number): Promise<void> {
    const discovery = await this.#openDiscovery(registrationPort);
    const relay = new Relay({
      ...this.#relayOptions(instance),
      discovery,
      exit: { allowPrivateTargets: true },
    });
    this.#stack.add(() => relay.stop());
    const record = await relay.start();
    this.#relays.push(relay);
    this.#tell('relay', record.name, record.port);
  }

  /** The origin's channels come from a relay that neither listens nor is registered. */
  async #startOrigin(registrationPort: number): Promise<Origin> {
    const discovery = await this.#openDiscovery(registrationPort);
    const client = new Relay({ ...this.#relayOptions(0), exit: { enabled: false } });
    this.#stack.add(() => client.stop());
    const origin = new Origin({ channels: client.channels, discovery, logger: this.#options.logger });
    this.#stack.add(() => origin.close());
    origin.on('circuit', this.#options.onCircuit);
    origin.start();
    return origin;
  }

  async #startProxy(origin: Origin): Promise<HttpProxy> {
    const { proxyPort: port, logger } = this.#options;
    const portSearch = port === 0 ? 0 : Math.min(PROXY_PORT_SEARCH, 0xffff - port);
    const proxy = new HttpProxy({ dialer: origin, host: HOST, port, portSearch, logger });
    this.#stack.add(() => proxy.close());
    this.#proxyAddress = await proxy.listen();
    this.#tell('proxy', 'HTTP proxy', this.#proxyAddress.port);
    return proxy;
  }

  async #startSite(): Promise<DemoSite> {
    const site = await DemoSite.start();
    this.#stack.add(() => site.close());
    this.#tell('site', 'Demo site', Number(new URL(site.origin).port), 'http://');
    return site;
  }

  #relayOptions(instance: number): ConstructorParameters<typeof Relay>[0] {
    const { socket, logger } = this.#options;
    const options = { agentId: agentIdOf(GROUP, instance), dataPlane: this.#plane, host: HOST, logger };
    return socket === undefined ? options : { ...options, socket };
  }

  #tell(part: NetworkProgress['part'], name: string, port: number, scheme = ''): void {
    const where = `${scheme}${HOST}:${port}${scheme === '' ? '' : '/'}`;
    this.#options.onProgress({ part, name, host: HOST, port, text: `${name} is up on ${where}` });
  }

  #running(): NetworkParts {
    if (this.#parts === undefined) throw closedError('the network');
    return this.#parts;
  }
}
