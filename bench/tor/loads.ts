import type { Socket } from 'node:net';
import type { TestNetwork } from '../../src/network/testnet/index.js';
import { socksConnect } from '../../test/integration/tor/support-socks.js';
import type { TorDriver } from '../../test/integration/tor/support-driver.js';
import { ByteSource, ENDLESS } from './byte-source.js';
import type { SmallDownload } from './scene-messages.js';

/** Circuits that are built at once. */
const BUILDS_AT_ONCE = 10;
const SMALL_TIMEOUT_MS = 30_000;

/** A client of the network and what builds its circuits. */
export interface DrivenClient {
  readonly socksPort: number;
  readonly driver: TorDriver;
}

interface BulkCircuit {
  readonly client: DrivenClient;
  readonly circuit: string;
  readonly socket: Socket;
}

/** Runs `work` for 0, 1, ... count - 1, some at a time. */
async function inTurn(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}

/**
 * Downloads through one relay in the middle: bulk ones without end, on circuits spread over all clients but the last
 * and over all guards, and small ones by the last client, each on a circuit of its own.
 */
export class Loads {
  readonly #clients: readonly DrivenClient[];
  readonly #guards: readonly string[];
  readonly #exit: string;
  readonly #source: ByteSource;
  #bulk: BulkCircuit[] = [];
  #received = 0;
  #smallTurn = 0;

  private constructor(network: TestNetwork, clients: readonly DrivenClient[], source: ByteSource) {
    this.#clients = clients;
    this.#guards = network.relays.map(({ fingerprint }) => fingerprint);
    this.#exit = network.exits[0]?.fingerprint ?? '';
    this.#source = source;
  }

  static async start(network: TestNetwork, clients: readonly DrivenClient[]): Promise<Loads> {
    return new Loads(network, clients, await ByteSource.start());
  }

  /** Bytes that all bulk downloads got so far. */
  get received(): number {
    return this.#received;
  }

  get running(): number {
    return this.#bulk.filter(({ socket }) => !socket.destroyed).length;
  }

  /** Resolves when every bulk download has begun. */
  async startBulk(relay: string, circuits: number): Promise<void> {
    const clients = this.#clients.slice(0, -1);
    await inTurn(circuits, BUILDS_AT_ONCE, async (index) => {
      const client = clients[index % clients.length];
      const guard = this.#guards[Math.floor(index / clients.length) % this.#guards.length];
      if (client === undefined || guard === undefined) throw new Error('no client or no guard');
      const circuit = await client.driver.build([guard, relay, this.#exit]);
      const socket = await this.#request(client, circuit, ENDLESS);
      this.#bulk.push({ client, circuit, socket });
      socket.on('data', (bytes) => (this.#received += bytes.length));
      await new Promise<void>((resolve, reject) => {
        socket.once('data', () => resolve());
        socket.once('close', () => reject(new Error('a bulk download ended before its first byte')));
        socket.resume();
      });
    });
  }

  async stopBulk(): Promise<void> {
    const bulk = this.#bulk;
    this.#bulk = [];
    for (const { socket } of bulk) socket.destroy();
    await Promise.all(
      bulk.map(({ client, circuit }) => client.driver.closeCircuit(circuit).catch(() => undefined)),
    );
  }

  /** What failed or took too long is left out. */
  async small(relay: string, count: number, atOnce: number, bytes: number): Promise<SmallDownload[]> {
    const done: SmallDownload[] = [];
    await inTurn(count, atOnce, async () => {
      const download = await this.#smallOne(relay, bytes).catch((error: unknown) => {
        process.stderr.write(`a small download failed: ${String(error)}\n`);
      });
      if (download !== undefined) done.push(download);
    });
    return done;
  }

  async #smallOne(relay: string, bytes: number): Promise<SmallDownload> {
    const client = this.#clients.at(-1);
    const guard = this.#guards[this.#smallTurn++ % this.#guards.length];
    if (client === undefined || guard === undefined) throw new Error('no client or no guard');
    const start = performance.now();
    const circuit = await client.driver.build([guard, relay, this.#exit]);
    const built = performance.now();
    try {
      const socket = await this.#request(client, circuit, bytes);
      const connected = performance.now();
      const { first, last } = await this.#readAll(socket, bytes);
      return {
        buildMs: built - start,
        connectMs: connected - built,
        firstByteMs: first - connected,
        lastByteMs: last - connected,
      };
    } finally {
      await client.driver.closeCircuit(circuit).catch(() => undefined);
    }
  }

  #readAll(socket: Socket, bytes: number): Promise<{ first: number; last: number }> {
    return new Promise((resolve, reject) => {
      let first = 0;
      let got = 0;
      socket.setTimeout(SMALL_TIMEOUT_MS, () => socket.destroy(new Error('no bytes for 30 s')));
      socket.on('data', (part) => {
        if (got === 0) first = performance.now();
        got += part.length;
        if (got < bytes) return;
        resolve({ first, last: performance.now() });
        socket.destroy();
      });
      socket.once('close', () => reject(new Error(`it ended after ${got} of ${bytes} bytes`)));
      socket.resume();
    });
  }

  /** A stream on which the request was just sent; it is paused. */
  async #request(client: DrivenClient, circuit: string, bytes: number): Promise<Socket> {
    const { socksPort } = client;
    const socket = await socksConnect({ socksPort, circuit, host: '127.0.0.1', port: this.#source.port });
    socket.removeAllListeners('error').on('error', () => undefined);
    socket.setNoDelay(true);
    socket.write(`${bytes}\n`);
    return socket;
  }
}
