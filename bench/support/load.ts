import type { BenchContext } from './bench-types.js';
import type { BenchChild } from './child-set.js';

/** Of every socket of a bench; see bench/native/tor61_load.cc. */
export interface LoadSocket {
  readonly cc?: string;
  readonly mss?: number;
  readonly sndbuf?: number;
  readonly rcvbuf?: number;
}

/** Delays in nanoseconds from the generator's write to the sink's read; no percentiles without samples. */
export interface Delays {
  readonly count: number;
  readonly min?: number;
  readonly p50?: number;
  readonly p90?: number;
  readonly p99?: number;
  readonly max?: number;
  readonly mean?: number;
}

export interface SinkReport {
  readonly nowNs: number;
  readonly cpuNs: number;
  /** Bulk cells that came whole and in order, since the start; quiet ones apart. */
  readonly cells: number;
  readonly quietCells: number;
  readonly badChecksum: number;
  readonly outOfOrder: number;
  readonly unknown: number;
  readonly destroys: number;
  readonly closed: number;
  readonly circuits: number;
  readonly fewestPerCircuit: number;
  readonly mostPerCircuit: number;
  /** Since the last reset(). */
  readonly bulkDelay: Delays;
  readonly quietDelay: Delays;
}

export interface GeneratorReport {
  readonly nowNs: number;
  readonly cpuNs: number;
  readonly cells: number;
  readonly quietCells: number;
  /** Left out at a fixed rate because the relay took none. */
  readonly lateCells: number;
  /** Time in which send took nothing, summed over bulk channels. */
  readonly blockedNs: number;
  readonly bulkChannels: number;
  readonly backlogBytes: number;
}

function flags(options: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`--${name}`, String(value)],
  );
}

async function startTor61Load(
  context: BenchContext,
  mode: 'sink' | 'load',
  options: readonly string[],
  wrap: readonly string[],
): Promise<BenchChild> {
  const program = await context.program('tor61_load');
  return context.children.start(program, [mode, ...options], wrap);
}

export interface SinkOptions {
  /** Listening ports, each with an agent ID of its own. */
  readonly ports?: number;
  readonly host?: string;
  readonly firstAgent?: number;
  readonly socket?: LoadSocket;
  readonly wrap?: readonly string[];
}

/** The next hop of the relay under test and the end of its circuits. */
export class Sink {
  readonly #child: BenchChild;
  readonly host: string;
  readonly ports: readonly number[];
  readonly firstAgent: number;

  private constructor(child: BenchChild, host: string, ports: readonly number[], firstAgent: number) {
    this.#child = child;
    this.host = host;
    this.ports = ports;
    this.firstAgent = firstAgent;
  }

  static async start(context: BenchContext, options: SinkOptions = {}): Promise<Sink> {
    const { ports = 1, host = '127.0.0.1', firstAgent = 0x00640000, socket = {}, wrap = [] } = options;
    const args = flags({ ports, host, 'first-agent': firstAgent, ...socket });
    const child = await startTor61Load(context, 'sink', args, wrap);
    const listening = await child.next('listening');
    return new Sink(child, host, listening['ports'] as number[], firstAgent);
  }

  async report(): Promise<SinkReport> {
    return (await this.#child.ask('report')) as unknown as SinkReport;
  }

  /** Forgets delays recorded so far. */
  reset(): void {
    this.#child.tell('reset');
  }

  end(): Promise<void> {
    return this.#child.end();
  }
}

export interface GeneratorOptions {
  readonly relay: { readonly host: string; readonly port: number; readonly agent: number };
  readonly sink: Sink;
  readonly channels?: number;
  /** Bulk circuits, spread over the first `bulkIn` channels and `bulkOut` sinks (all unless told). */
  readonly bulk?: number;
  readonly bulkIn?: number;
  readonly bulkOut?: number;
  /** Cells per second of all bulk circuits; left out: as many as the relay takes. */
  readonly rate?: number;
  readonly quiet?: readonly { readonly channel: number; readonly sink: number }[];
  /** Bursts per second of each quiet circuit, and the cells of a burst (1). */
  readonly quietRate?: number;
  readonly quietBurst?: number;
  /** Bulk cells in all, seconds: then it stops by itself. */
  readonly cells?: number;
  readonly seconds?: number;
  readonly socket?: LoadSocket;
  readonly wrap?: readonly string[];
}

/** The origin of the circuits, up and ready to send. */
export class Generator {
  readonly #child: BenchChild;

  private constructor(child: BenchChild) {
    this.#child = child;
  }

  static async start(context: BenchContext, options: GeneratorOptions): Promise<Generator> {
    const { relay, sink, quiet = [], quietRate = 10 } = options;
    const args = flags({
      relay: relay.host,
      port: relay.port,
      agent: relay.agent,
      sinks: sink.ports.join(','),
      'sink-host': sink.host,
      'first-sink-agent': sink.firstAgent,
      channels: options.channels,
      bulk: options.bulk,
      'bulk-in': options.bulkIn,
      'bulk-out': options.bulkOut,
      rate: options.rate,
      cells: options.cells,
      seconds: options.seconds,
      quiet: quiet.map((place) => `${place.channel}:${place.sink}`).join(','),
      'quiet-rate': Math.round(quietRate * 1000),
      'quiet-burst': options.quietBurst,
      ...options.socket,
    });
    const child = await startTor61Load(context, 'load', args, options.wrap ?? []);
    await child.next('ready');
    return new Generator(child);
  }

  go(): void {
    this.#child.tell('start');
  }

  /** Resolves with what was sent in all. */
  async stop(): Promise<{ cells: number; quietCells: number }> {
    const stopped = await this.#child.ask('stop', 'stopped');
    return { cells: Number(stopped['cells']), quietCells: Number(stopped['quietCells']) };
  }

  /** Resolves when it stopped by itself (`cells`, `seconds`). */
  async stopped(ms: number): Promise<void> {
    await this.#child.next('stopped', ms);
  }

  async report(): Promise<GeneratorReport> {
    return (await this.#child.ask('report')) as unknown as GeneratorReport;
  }

  end(): Promise<void> {
    return this.#child.end();
  }
}

/** What the sink found wrong, or undefined. `sent`: everything must have arrived. */
export function sinkFault(
  report: SinkReport,
  sent?: { readonly cells: number; readonly quietCells: number },
): string | undefined {
  const { badChecksum, outOfOrder, unknown, destroys } = report;
  if (badChecksum > 0) return `${badChecksum} cells with a wrong checksum at the sink`;
  if (outOfOrder > 0) return `${outOfOrder} cells out of order at the sink`;
  if (unknown > 0) return `${unknown} unexpected cells at the sink`;
  if (destroys > 0) return `${destroys} circuits were destroyed`;
  if (sent === undefined) return undefined;
  const lost = sent.cells + sent.quietCells - report.cells - report.quietCells;
  return lost === 0 ? undefined : `${lost} of ${sent.cells + sent.quietCells} cells did not arrive`;
}
