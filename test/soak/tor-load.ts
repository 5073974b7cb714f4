import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../src/util/errors.js';
import type { SocksTarget } from '../integration/tor/support-socks.js';
import { Budget } from './budget.js';
import type { Tally } from './tally.js';
import type { SoakClient, TorScene } from './tor-scene.js';
import { abortedDownload, download, heldEcho } from './tor-streams.js';

const CIRCUITS = 24;
const STREAMS = 200;
/** For all circuits together, so that two shared cores carry it: 24 times 200 streams in 80 s. */
const STREAMS_PER_SECOND = 60;
const BYTES_PER_SECOND = 2_500_000;
/** A circuit that was cut is built again after this. */
const RETRY_MS = 1000;
/** Streams of one circuit that are being opened or read at once. */
const BUSY_STREAMS = 16;

/** Until the last stream of a closed circuit is closed. */
const CLOSE_MS = 30_000;

const KB = 1000;

function between(low: number, high: number): number {
  return Math.floor(low + Math.random() * (high - low));
}

const FETCHES = { download, 'long download': download, 'aborted download': abortedDownload };

/** Failures are counted by their words; each circuit has a number of its own. */
function withoutNumber(error: unknown): Error {
  return new Error(messageOf(error).replace(/circuit \d+/, 'circuit'));
}

/** What a stream is for, and how many bytes come. */
interface Errand {
  readonly kind: keyof typeof FETCHES | 'held echo';
  readonly size: number;
}

function randomErrand(): Errand {
  const kind = Math.random();
  if (kind < 0.75) return { kind: 'held echo', size: between(1, 15 * KB) };
  if (kind < 0.95) return { kind: 'download', size: between(1, 60 * KB) };
  if (kind < 0.98) return { kind: 'long download', size: between(300 * KB, 1000 * KB) };
  return { kind: 'aborted download', size: between(200 * KB, 600 * KB) };
}

/** One circuit's worth of work: what it holds open, what is under way. */
interface Work {
  readonly target: SocksTarget;
  readonly held: Set<Socket>;
  readonly busy: Set<Promise<void>>;
  /** A stream was cut: the circuit is gone. */
  isCut: boolean;
  /** From here on streams may close. */
  isOver: boolean;
}

/** Circuits built without end, `STREAMS` streams over each; `stop()` resolves when every one of them is closed. */
export class TorLoad {
  readonly #scene: TorScene;
  readonly #tally: Tally;
  readonly #stopped = new AbortController();
  readonly #streams: Budget;
  readonly #bytes: Budget;
  #loops: Promise<void>[] = [];
  /** Circuits built since `mark()`, by client and path. */
  #builtSince = new Set<string>();
  #heldStreams = 0;

  constructor(scene: TorScene, tally: Tally) {
    this.#scene = scene;
    this.#tally = tally;
    // Every slot waits for the end.
    setMaxListeners(0, this.#stopped.signal);
    this.#streams = new Budget(STREAMS_PER_SECOND, this.#stopped.signal);
    this.#bytes = new Budget(BYTES_PER_SECOND, this.#stopped.signal);
  }

  get heldStreams(): number {
    return this.#heldStreams;
  }

  start(): void {
    this.#loops = Array.from({ length: CIRCUITS }, (_, slot) => this.#slot(slot));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
  }

  /** From now on the circuits that are built are looked at by `hasBuiltAll()`. */
  mark(): void {
    this.#builtSince = new Set();
  }

  /** Whether every client built circuits along every path since `mark()`. */
  hasBuiltAll(): boolean {
    return this.#builtSince.size === this.#scene.clients.length * this.#scene.paths().length;
  }

  /** Circuit after circuit. The first has fewer streams, so that the slots do not go in step. */
  async #slot(slot: number): Promise<void> {
    const { signal } = this.#stopped;
    const { clients } = this.#scene;
    const paths = this.#scene.paths();
    const client = clients[slot % clients.length];
    const path = Math.floor(slot / clients.length) % paths.length;
    let streams = Math.ceil((STREAMS * (slot + 1)) / CIRCUITS);
    while (!signal.aborted && client !== undefined) {
      try {
        const circuit = await client.driver.build(paths[path] ?? []);
        this.#tally.circuits++;
        this.#builtSince.add(`${slot % clients.length} ${path}`);
        const isWhole = await this.#use(client, circuit, streams);
        streams = isWhole ? STREAMS : between(1, STREAMS);
      } catch (error) {
        this.#tally.circuitsFailed++;
        this.#tally.failed('circuit', withoutNumber(error));
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Opens so many streams and closes all, or leaves half of them to the end of the circuit. False: it was cut. */
  async #use(client: SoakClient, circuit: string, streams: number): Promise<boolean> {
    const target = { socksPort: client.socksPort, circuit, ...this.#scene.target };
    const work: Work = { target, held: new Set(), busy: new Set(), isCut: false, isOver: false };
    for (let i = 0; i < streams && !work.isCut && !this.#stopped.signal.aborted; i++) {
      const errand = randomErrand();
      await this.#streams.take();
      await this.#bytes.take(errand.size);
      if (work.busy.size >= BUSY_STREAMS) await Promise.race(work.busy);
      const one = this.#fetch(errand, work);
      work.busy.add(one);
      void one.finally(() => work.busy.delete(one));
    }
    await Promise.all(work.busy);
    work.isOver = true;
    const leaves = Math.random() < 0.5;
    for (const [i, socket] of [...work.held].entries()) {
      if (leaves && i % 2 === 0) continue;
      if (i % 3 === 0) socket.destroy();
      else socket.end();
    }
    await client.driver.closeCircuit(circuit).catch(() => undefined);
    await this.#allClosed(work);
    return !work.isCut;
  }

  /** With its circuit C tor closes every stream that is left. */
  async #allClosed({ held }: Work): Promise<void> {
    const end = performance.now() + CLOSE_MS;
    while (held.size > 0 && performance.now() < end) await pause(50);
    if (held.size > 0) this.#tally.failed('close', new Error('a stream outlived its circuit'));
    for (const socket of held) socket.destroy();
  }

  async #fetch({ kind, size }: Errand, work: Work): Promise<void> {
    try {
      if (kind === 'held echo') await this.#hold(work, size);
      else await FETCHES[kind](work.target, this.#tally, size);
      this.#tally.done(kind);
    } catch (error) {
      work.isCut = true;
      this.#tally.failed(kind, error);
    }
  }

  async #hold(work: Work, size: number): Promise<void> {
    const socket = await heldEcho(work.target, this.#tally, size);
    if (socket.closed) throw new Error('a held stream was closed');
    work.held.add(socket);
    this.#heldStreams++;
    socket.once('close', () => {
      work.held.delete(socket);
      this.#heldStreams--;
      if (work.isOver) return;
      work.isCut = true;
      this.#tally.failed('held echo', new Error('a held stream was closed'));
    });
  }
}
