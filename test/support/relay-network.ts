import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { StaticDiscovery } from '../../src/discovery/index.js';
import type { RelayRecord } from '../../src/discovery/index.js';
import { DataPlane } from '../../src/native/index.js';
import type { DataPlaneOptions } from '../../src/native/index.js';
import { Origin } from '../../src/origin/index.js';
import type { OriginOptions } from '../../src/origin/index.js';
import { Relay } from '../../src/relay/index.js';
import type { RelayOptions } from '../../src/relay/index.js';

/** A TCP server on loopback for exits to reach; sockets are destroyed with it. */
export async function tcpServer(
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; server: Server }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

/** Relays over one real data plane on loopback, that know each other by a fixed list. */
export class RelayNetwork {
  readonly plane: DataPlane;
  readonly relays: Relay[] = [];
  readonly records: RelayRecord[] = [];
  readonly origins: Origin[] = [];
  readonly #servers: { server: Server; sockets: Set<Socket> }[] = [];

  private constructor(options: DataPlaneOptions) {
    this.plane = new DataPlane(options);
  }

  static async start(count: number, options: DataPlaneOptions = {}, relay: Partial<RelayOptions> = {}) {
    const network = new RelayNetwork(options);
    for (let i = 1; i <= count; i++) await network.addRelay((i << 16) | 1, relay);
    return network;
  }

  async addRelay(agentId: number, options: Partial<RelayOptions> = {}): Promise<Relay> {
    const exit = { allowPrivateTargets: true };
    const relay = new Relay({ agentId, dataPlane: this.plane, exit, ...options });
    this.records.push(await relay.start());
    this.relays.push(relay);
    return relay;
  }

  get discovery(): StaticDiscovery {
    return new StaticDiscovery({ relays: this.records });
  }

  origin(options: Partial<OriginOptions> = {}): Origin {
    const relay = this.relays[0] as Relay;
    const { discovery } = this;
    const origin = new Origin({ channels: relay.channels, discovery, selfId: relay.agentId, ...options });
    this.origins.push(origin);
    return origin;
  }

  async server(onSocket: (socket: Socket) => void): Promise<number> {
    const sockets = new Set<Socket>();
    const { port, server } = await tcpServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      onSocket(socket);
    });
    this.#servers.push({ server, sockets });
    return port;
  }

  async close(): Promise<void> {
    for (const origin of this.origins) await origin.close();
    for (const relay of this.relays) await relay.stop();
    this.plane.close();
    for (const { server, sockets } of this.#servers) {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}
