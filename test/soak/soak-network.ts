import { agentIdOf } from '../../src/dialect/tor61/router-name.js';
import {
  DataPlane,
  HttpProxy,
  Origin,
  RegistrationDiscovery,
  RegistrationService,
  Relay,
} from '../../src/index.js';
import { Child } from './child.js';

const GROUP = 7;
const PROBE_MS = 5000;
const HOST = '127.0.0.1';

export interface SoakNetworkOptions {
  /** Relays in this process. */
  relays: number;
  /** Relays in processes of their own. */
  peers: number;
  threads: number;
}

/**
 * A Tor61 network to be worn out: registration service, some relays, origin and proxy in this process; other relays
 * and the web server in processes of their own. `close()` ends everything and `plane` last, so that its counters can
 * be read when all that used it has gone.
 */
export class SoakNetwork {
  readonly plane: DataPlane;
  readonly service: RegistrationService;
  readonly discovery: RegistrationDiscovery;
  readonly origin: Origin;
  readonly proxy: HttpProxy;
  readonly web: Child;
  proxyPort = 0;
  kills = 0;
  readonly #relays: Relay[];
  readonly #client: Relay;
  readonly #peers: { readonly agentId: number; child: Child | undefined }[] = [];
  #restart: Promise<void> = Promise.resolve();
  #isClosing = false;

  private constructor(parts: {
    plane: DataPlane;
    service: RegistrationService;
    discovery: RegistrationDiscovery;
    relays: Relay[];
    client: Relay;
    web: Child;
  }) {
    ({ plane: this.plane, service: this.service, discovery: this.discovery, web: this.web } = parts);
    this.#relays = parts.relays;
    this.#client = parts.client;
    this.origin = new Origin({
      channels: parts.client.channels,
      discovery: parts.discovery,
      retryMs: 100,
      maxRetryMs: 1000,
    });
    this.proxy = new HttpProxy({ dialer: this.origin, port: 0 });
  }

  static async start(options: SoakNetworkOptions): Promise<SoakNetwork> {
    const service = await RegistrationService.start({ port: 0, bind: HOST, probeIntervalMs: PROBE_MS });
    const { port } = service.address();
    const plane = new DataPlane({ threads: options.threads });
    const open = (): Promise<RegistrationDiscovery> => RegistrationDiscovery.open({ host: HOST, port });
    const relays: Relay[] = [];
    for (let i = 1; i <= options.relays; i++) {
      const agentId = agentIdOf(GROUP, i);
      const exit = { allowPrivateTargets: true };
      const relay = new Relay({ agentId, dataPlane: plane, discovery: await open(), exit });
      await relay.start();
      relays.push(relay);
    }
    const client = new Relay({ agentId: agentIdOf(GROUP, 0), dataPlane: plane, exit: { enabled: false } });
    const discovery = await open();
    const web = await Child.start('soak-web.js');
    const network = new SoakNetwork({ plane, service, discovery, relays, client, web });
    for (let i = 1; i <= options.peers; i++) {
      network.#peers.push({ agentId: agentIdOf(GROUP, options.relays + i), child: undefined });
    }
    await Promise.all(network.#peers.map((_, i) => network.#startPeer(i)));
    network.origin.start();
    network.proxyPort = (await network.proxy.listen()).port;
    await network.origin.ready();
    return network;
  }

  get webOrigin(): string {
    return `http://${HOST}:${this.web.port}`;
  }

  /** Kills a peer and starts it again with the same agent ID on another port. One at a time. */
  killPeer(index: number): Promise<void> {
    this.#restart = this.#restart.then(async () => {
      if (this.#isClosing) return;
      this.kills++;
      await this.#peers[index % this.#peers.length]?.child?.kill();
      await this.#startPeer(index % this.#peers.length);
    });
    return this.#restart;
  }

  /** Everything but the data plane. */
  async closeUsers(): Promise<void> {
    this.#isClosing = true;
    await this.#restart;
    await this.proxy.close();
    await this.origin.close();
    await this.discovery.close();
    await this.#client.stop();
    await Promise.all(this.#relays.map((relay) => relay.stop()));
    await Promise.all(this.#peers.map(async ({ child }) => child?.kill()));
    await this.web.kill();
    await this.service.close();
  }

  async #startPeer(index: number): Promise<void> {
    const peer = this.#peers[index];
    if (peer === undefined || this.#isClosing) return;
    peer.child = await Child.start('soak-peer.js', [peer.agentId, this.service.address().port]);
  }
}
