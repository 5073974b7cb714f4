/** Relays of ours without a network around them, for peers that mean no good. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NtorTarget } from '../../../src/dialect/tor/ntor-client.js';
import { ExitPolicy } from '../../../src/directory/index.js';
import { KeyDirectory, OnionKeys, RouterIdentity, StateFile } from '../../../src/identity/index.js';
import { TorRelay } from '../../../src/relay/tor/index.js';
import type { TorRelayOptions } from '../../../src/relay/tor/index.js';
import { systemClock } from '../../../src/util/clock.js';

/** A relay that exits to loopback, and what is needed to reach it. */
export class LoneRelay {
  readonly relay: TorRelay;
  readonly identity: RouterIdentity;
  readonly target: NtorTarget;
  readonly #folder: string;

  private constructor(folder: string, relay: TorRelay, identity: RouterIdentity, target: NtorTarget) {
    this.#folder = folder;
    this.relay = relay;
    this.identity = identity;
    this.target = target;
  }

  static async start(options: Partial<TorRelayOptions> = {}): Promise<LoneRelay> {
    const folder = mkdtempSync(join(tmpdir(), 'kist-lone-'));
    const directory = KeyDirectory.open({ dataDirectory: folder });
    const clock = systemClock;
    const identity = await RouterIdentity.open({ directory, clock });
    const onionKeys = await OnionKeys.open({ directory, state: StateFile.open(folder), clock });
    const relay = new TorRelay({
      identity,
      onionKeys,
      nickname: 'lone',
      address: '127.0.0.1',
      orPorts: [{ host: '127.0.0.1', port: 0 }],
      exitPolicy: ExitPolicy.parse(['accept 127.0.0.0/8:*', 'reject *:*']).policy,
      refusesUnknownExits: false,
      authorities: [],
      isTesting: true,
      ...options,
    });
    await relay.start();
    const [pair] = onionKeys.ntorKeys;
    if (pair === undefined) throw new Error('no onion key');
    const target = { rsaDigest: identity.rsaDigest, ntorKey: pair.publicKey };
    return new LoneRelay(folder, relay, identity, target);
  }

  get port(): number {
    return this.relay.orPort;
  }

  /** What peers may have left behind, as one line; all zeroes when nothing is. */
  left(): string {
    const { channels, circuits, exitStreams, dataPlane } = this.relay.stats();
    const native = dataPlane.reactors.map((it) =>
      [it.channels, it.circuits, it.streams, it.cellsInUse].join('/'),
    );
    return `${channels} ${circuits} ${exitStreams} ${native.join(' ')}`;
  }

  /** Waits until nothing is left; says in the end what is. */
  async settled(ms = 10_000): Promise<string> {
    for (const deadline = Date.now() + ms; /[1-9]/.test(this.left()) && Date.now() < deadline;)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return this.left();
  }

  async stop(): Promise<void> {
    await this.relay.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A server on loopback that does with each connection what it is told. */
export class LoopbackServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(onConnection: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      onConnection(socket);
    });
  }

  /** The body of BEGIN for it. */
  async listen(): Promise<Buffer> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return Buffer.from(`127.0.0.1:${(this.#server.address() as AddressInfo).port}\0`);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
