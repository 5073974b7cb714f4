import { setTimeout as pause } from 'node:timers/promises';
import type { RelayRecord } from '../../src/index.js';
import { bytesOf } from '../support/web-bytes.js';
import { abortedDownload, download, slowDownload, tunnel, upload } from './fetches.js';
import type { FetchContext } from './fetches.js';
import type { SoakNetwork } from './soak-network.js';
import type { Tally } from './tally.js';

/** 10,000 circuits in 20 minutes are 8.4 each second; some attempts meet a killed peer. */
const CIRCUITS_PER_SECOND = 13;
const MAX_BUILDING = 12;
const KILL_EVERY_MS = 20_000;
const RELAY_LIST_MS = 500;

const KB = 1000;
const MB = 1000 * KB;

function between(low: number, high: number): number {
  return Math.floor(low + Math.random() * (high - low));
}

/** Three different relays. */
function randomPath(relays: readonly RelayRecord[]): RelayRecord[] {
  const left = [...relays];
  const path: RelayRecord[] = [];
  while (path.length < 3 && left.length > 0) path.push(...left.splice(between(0, left.length), 1));
  return path;
}

/** All the traffic: every loop goes on until `stop()`, which resolves when each of them has ended. */
export class Load {
  readonly #network: SoakNetwork;
  readonly #tally: Tally;
  readonly #context: FetchContext;
  readonly #stopped = new AbortController();
  readonly #building = new Set<Promise<void>>();
  #relays: readonly RelayRecord[] = [];
  #loops: Promise<void>[] = [];

  constructor(network: SoakNetwork, tally: Tally) {
    this.#network = network;
    this.#tally = tally;
    this.#context = {
      proxyPort: network.proxyPort,
      site: network.webOrigin,
      onBytes: (count) => void (tally.bytesDown += count),
      onWrongBytes: () => void tally.wrongBytes++,
    };
  }

  start(): void {
    const short = (): Promise<void> => download(this.#context, between(KB, 100 * KB));
    this.#loops = [
      this.#every(RELAY_LIST_MS, async () => void (this.#relays = await this.#network.discovery.relays())),
      this.#every(1000 / CIRCUITS_PER_SECOND, () => this.#launch()),
      this.#every(KILL_EVERY_MS, (round) => this.#network.killPeer(round)),
      this.#fetching('short', 30, short),
      this.#fetching('short', 80, short),
      this.#fetching('long', 1000, () => download(this.#context, between(MB, 20 * MB))),
      this.#fetching('aborted', 700, () => abortedDownload(this.#context, between(100 * KB, 5 * MB))),
      this.#fetching('slow', 500, () => slowDownload(this.#context, between(200 * KB, 3 * MB), 20)),
      this.#fetching('upload', 700, () => this.#upload(between(KB, 5 * MB))),
      this.#fetching('tunnel', 300, () => tunnel(this.#context, between(1, 500 * KB))),
    ];
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
    await Promise.all(this.#building);
  }

  /** Calls `work` again and again, `ms` after its last start or at once when that is past. */
  async #every(ms: number, work: (round: number) => Promise<void>): Promise<void> {
    const { signal } = this.#stopped;
    let due = performance.now();
    for (let round = 0; !signal.aborted; round++) {
      await work(round).catch((error: unknown) => this.#tally.failed('loop', error));
      due = Math.max(due + ms, performance.now() - ms);
      await pause(Math.max(0, due - performance.now()), undefined, { signal }).catch(() => undefined);
    }
  }

  async #fetching(kind: string, restMs: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await work();
        this.#tally.done(kind);
      } catch (error) {
        this.#tally.failed(kind, error);
      }
      await pause(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #upload(size: number): Promise<void> {
    await upload(this.#context, size);
    this.#tally.bytesUp += size;
  }

  /** Begins a circuit and does not wait for it, up to a bound. */
  async #launch(): Promise<void> {
    if (this.#relays.length < 3 || this.#building.size >= MAX_BUILDING) return;
    const one = this.#oneCircuit();
    this.#building.add(one);
    void one.finally(() => this.#building.delete(one));
    await Promise.resolve();
  }

  /** Builds it, sometimes uses it, closes it: idle, with an answer read, or in the middle of one. */
  async #oneCircuit(): Promise<void> {
    try {
      const circuit = await this.#network.origin.buildCircuit(randomPath(this.#relays));
      this.#tally.circuits++;
      try {
        const use = Math.random();
        if (use < 0.3) await this.#fetchOver(circuit, use < 0.15);
      } finally {
        circuit.close();
      }
    } catch (error) {
      this.#tally.circuitsFailed++;
      this.#tally.failed('circuit', error);
    }
  }

  async #fetchOver(
    circuit: Awaited<ReturnType<SoakNetwork['origin']['buildCircuit']>>,
    isWhole: boolean,
  ): Promise<void> {
    const size = between(KB, 60 * KB);
    const stream = await circuit.openStream('127.0.0.1', this.#network.web.port);
    stream.write(`GET /bytes/${size} HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      if (!isWhole) return;
    }
    stream.end();
    const all = Buffer.concat(chunks);
    const body = all.subarray(all.indexOf('\r\n\r\n') + 4);
    if (!body.equals(bytesOf(0, size))) this.#tally.wrongBytes++;
    else this.#tally.done('own circuit');
  }
}
