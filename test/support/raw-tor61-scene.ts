import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { after } from 'node:test';
import { StaticDiscovery } from '../../src/discovery/index.js';
import type { RelayRecord } from '../../src/discovery/index.js';
import { DataPlane } from '../../src/native/index.js';
import type { DataPlaneOptions, NativeStats } from '../../src/native/index.js';
import { Origin } from '../../src/origin/index.js';
import type { OriginOptions } from '../../src/origin/index.js';
import { Relay } from '../../src/relay/index.js';
import type { RelayOptions, RelayStats } from '../../src/relay/index.js';
import { extendBody, SAY } from './raw-tor61-cells.js';
import { RawPeer, RawRouter } from './raw-tor61.js';

/** A stranger's agent ID; above 2^31, as random ones are half of the time. */
export const STRANGER = 0xfffe003a;

export interface SceneOptions {
  plane?: DataPlaneOptions;
  relay?: Partial<RelayOptions>;
}

/** Short deadlines, so that tests of them are short; long enough for a busy machine to answer in time. */
const LIMITS = { openedTimeoutMs: 900, connectTimeoutMs: 900, openTimeoutMs: 700, extendTimeoutMs: 1200 };

/** One relay over a data plane of its own, peers and routers by hand around it, all gone after the test file. */
export class Scene {
  readonly plane: DataPlane;
  readonly relay: Relay;
  readonly #routers: RawRouter[] = [];
  readonly #peers: RawPeer[] = [];
  readonly #origins: Origin[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #nextAgent = 0x00580001;
  #isClosed = false;

  private constructor(options: SceneOptions) {
    this.plane = new DataPlane(options.plane ?? {});
    const { limits, ...rest } = options.relay ?? {};
    this.relay = new Relay({
      agentId: 0x00570001,
      dataPlane: this.plane,
      exit: { allowPrivateTargets: true },
      limits: { ...LIMITS, ...limits },
      ...rest,
    });
  }

  static async start(options: SceneOptions = {}): Promise<Scene> {
    const scene = new Scene(options);
    await scene.relay.start();
    after(() => scene.close());
    return scene;
  }

  get id(): number {
    return this.relay.agentId;
  }

  get port(): number {
    return this.relay.port ?? 0;
  }

  get record(): RelayRecord {
    const { record } = this.relay;
    if (record === undefined) throw new Error('the relay is not started');
    return record;
  }

  async connect(): Promise<RawPeer> {
    const peer = await RawPeer.connect(this.port);
    this.#peers.push(peer);
    return peer;
  }

  /** A peer whose OPEN was answered; each has an agent ID of its own unless told. */
  async opened(agentId = this.#nextAgent++): Promise<RawPeer> {
    return await (await this.connect()).open(agentId, this.id);
  }

  /** An opened peer with one circuit. */
  async created(circId: number): Promise<RawPeer> {
    return await (await this.opened()).create(circId);
  }

  async router(onPeer?: (peer: RawPeer) => void, agentId = this.#nextAgent++): Promise<RawRouter> {
    const router = await RawRouter.listen(agentId, onPeer);
    this.#routers.push(router);
    return router;
  }

  /** A peer, the relay as middle hop, and a next hop: `origin` and `next` are the two raw ends. */
  async extended(circId = 9): Promise<{ origin: RawPeer; next: RawPeer; nextId: number; router: RawRouter }> {
    const origin = await this.created(circId);
    const router = await this.router();
    origin.say(circId, 0, SAY.extend, extendBody(router.port, router.agentId));
    const { peer, circId: nextId } = await router.acceptCircuit();
    await origin.expectSay(circId, SAY.extended, 0);
    return { origin, next: peer, nextId, router };
  }

  /** A TCP server for exits; 'echo' sends back what comes. */
  async server(onSocket: (socket: Socket) => void = (socket) => socket.pipe(socket)): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
      onSocket(socket);
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /** A port where nothing listens. */
  async closedPort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  /** An origin over this relay's channels. */
  origin(relays: readonly RelayRecord[], options: Partial<OriginOptions> = {}): Origin {
    const discovery = new StaticDiscovery({ relays });
    const origin = new Origin({ channels: this.relay.channels, discovery, ...options });
    this.#origins.push(origin);
    return origin;
  }

  /** The circuit still serves: a stream of its own is connected and ends. */
  async expectServing(peer: RawPeer, circId: number, streamId = 4242): Promise<void> {
    const port = await this.server();
    peer.say(circId, streamId, SAY.begin, `127.0.0.1:${port}\0`);
    await peer.expectSay(circId, SAY.connected, streamId);
    peer.say(circId, streamId, SAY.end);
    await peer.expectSay(circId, SAY.end, streamId);
  }

  stats(): RelayStats {
    return this.relay.stats();
  }

  /** Open things in the data plane. */
  left(stats: NativeStats = this.plane.stats()): { channels: number; circuits: number; streams: number } {
    const sum = { channels: 0, circuits: 0, streams: 0 };
    for (const reactor of stats.reactors) {
      sum.channels += reactor.channels;
      sum.circuits += reactor.circuits;
      sum.streams += reactor.streams;
    }
    return sum;
  }

  /** Waits until `isTrue` holds of the counters; fails naming `what`. */
  async until(what: string, isTrue: () => boolean, waitMs = 8000): Promise<void> {
    const deadline = performance.now() + waitMs;
    while (!isTrue()) {
      if (performance.now() > deadline)
        throw new Error(`${what} did not come true: ${JSON.stringify(this.left())}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Every peer goes; then nothing of theirs may be left, in either plane. */
  async expectReleased(): Promise<void> {
    for (const origin of this.#origins) await origin.close();
    for (const router of this.#routers.splice(0)) await router.close();
    for (const peer of this.#peers.splice(0)) peer.close();
    await this.until('everything is released', () => {
      const { channels, circuits, streams } = this.left();
      const control = this.relay.stats();
      return channels + circuits + streams + control.channels + control.circuits + control.exitStreams === 0;
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const origin of this.#origins) await origin.close();
    for (const peer of this.#peers) peer.close();
    for (const router of this.#routers) await router.close();
    await this.relay.stop();
    this.plane.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }
}
