import type { BenchContext, Trial } from '../support/bench-types.js';
import type { BenchChild } from '../support/child-set.js';
import { Generator, Sink, sinkFault } from '../support/load.js';
import type { GeneratorReport, SinkReport } from '../support/load.js';
import { RelayProcess } from '../support/relay-process.js';
import { sleep } from '../support/sleep.js';
import { busiestThread, readThreadTimes } from '../support/thread-times.js';
import type { ThreadTimes } from '../support/thread-times.js';

/** Set on every socket of every process, so that a congestion window means what it means in a network. */
export const SOCKET = { cc: 'cubic', mss: 1448 } as const;
const CELL_BITS = 512 * 8;
/** What is on its way when the generator stops has so long to arrive. */
const DRAIN_MS = 8000;
/**
 * Saturated: the reactor was on a CPU or ready for one for this share of the time, or its input was always backlogged (the
 * generator's sends took nothing for this share).
 */
const LEAST_AWAKE = 0.9;

/** CPU time of the whole process at one moment. */
interface HopSample {
  readonly nowNs: number;
  readonly cpuNs: number;
}

/** What is measured: passes circuits on from the generator to the sink. */
export interface Hop {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly agent: number;
  sample(): Promise<HopSample>;
  end(): Promise<void>;
}

export async function startRelay(context: BenchContext, policy: string): Promise<Hop> {
  const relay = await RelayProcess.start(context, {
    dataPlane: { threads: 1, scheduler: { policy } },
    socket: { congestionControl: SOCKET.cc, maxSegment: SOCKET.mss },
  });
  const { pid, host, port, agent } = relay;
  return { pid, host, port, agent, sample: () => relay.sample(), end: () => relay.end() };
}

export async function startBare(context: BenchContext): Promise<Hop> {
  const program = await context.program('bare_forwarder');
  const child: BenchChild = context.children.start(program, ['--cc', SOCKET.cc, '--mss', String(SOCKET.mss)]);
  const { port, agent } = await child.next('listening');
  return {
    pid: child.pid,
    host: '127.0.0.1',
    port: Number(port),
    agent: Number(agent),
    sample: async () => (await child.ask('report')) as unknown as HopSample,
    end: () => child.end(),
  };
}

export interface LoadShape {
  /** Connections in, and as many out. */
  readonly connections: number;
  readonly circuits: number;
  /** Cells per second in all; left out: saturated. */
  readonly rate?: number;
}

interface Moment {
  readonly hop: HopSample;
  readonly threads: ThreadTimes;
  readonly sink: SinkReport;
  readonly generator: GeneratorReport;
}

async function moment(hop: Hop, sink: Sink, generator: Generator): Promise<Moment> {
  const [a, b, c] = await Promise.all([hop.sample(), sink.report(), generator.report()]);
  return { hop: a, threads: readThreadTimes(hop.pid), sink: b, generator: c };
}

/** Figures of the window between two moments. */
function figuresOf(before: Moment, after: Moment): Record<string, number> {
  const wallNs = after.hop.nowNs - before.hop.nowNs;
  const cpuNs = after.hop.cpuNs - before.hop.cpuNs;
  const sinkNs = after.sink.nowNs - before.sink.nowNs;
  const cells = ((after.sink.cells - before.sink.cells) / sinkNs) * wallNs;
  const generatorNs = after.generator.nowNs - before.generator.nowNs;
  const blockedNs = (after.generator.blockedNs - before.generator.blockedNs) / after.generator.bulkChannels;
  const { busy, awake } = busiestThread(before.threads, after.threads, wallNs);
  return {
    cellsPerSecond: (cells / wallNs) * 1e9,
    cellsPerCpuSecond: (cells / cpuNs) * 1e9,
    usPerCell: cpuNs / cells / 1000,
    gbitPerSecond: (cells * CELL_BITS) / wallNs,
    busy,
    awake,
    blocked: blockedNs / generatorNs,
    cpuShare: cpuNs / wallNs,
  };
}

/** Why the window proves nothing, or undefined. */
function faultOf(shape: LoadShape, figures: Record<string, number>, late: number): string | undefined {
  const { awake = 0, blocked = 0, cellsPerSecond = 0 } = figures;
  if (shape.rate === undefined) {
    if (awake >= LEAST_AWAKE || blocked >= LEAST_AWAKE) return undefined;
    const shares = `${(awake * 100).toFixed(0)} % awake, input backlogged ${(blocked * 100).toFixed(0)} % of the time`;
    return `not saturated (${shares})`;
  }
  if (late > 0) return `${late} cells were not even sent`;
  if (Math.abs(cellsPerSecond / shape.rate - 1) < 0.05) return undefined;
  return `${cellsPerSecond.toFixed(0)} cells/s instead of ${shape.rate}`;
}

async function drain(context: BenchContext, generator: Generator, sink: Sink): Promise<string | undefined> {
  const sent = await generator.stop();
  let fault: string | undefined;
  for (let waited = 0; waited < DRAIN_MS; waited += 100) {
    fault = sinkFault(await sink.report(), sent);
    if (fault === undefined) return undefined;
    await sleep(100, context.signal);
  }
  return fault;
}

export interface MiddleHopTrial {
  readonly shape: LoadShape;
  readonly warmUpMs: number;
  readonly windowMs: number;
  start(context: BenchContext): Promise<Hop>;
  /** Runs beside the window. */
  during?(hop: Hop, windowMs: number): Promise<void>;
}

/** One trial in fresh processes: set-up, warm-up, window, then every cell sent must have come whole and in order. */
export async function runMiddleHop(context: BenchContext, trial: MiddleHopTrial): Promise<Trial> {
  const { shape, warmUpMs, windowMs } = trial;
  const { connections, circuits, rate } = shape;
  const sink = await Sink.start(context, { ports: connections, socket: SOCKET });
  const hop = await trial.start(context);
  try {
    const generator = await Generator.start(context, {
      relay: hop,
      sink,
      channels: connections,
      bulk: circuits,
      socket: SOCKET,
      ...(rate === undefined ? {} : { rate }),
    });
    generator.go();
    await sleep(warmUpMs, context.signal);
    const before = await moment(hop, sink, generator);
    await Promise.all([sleep(windowMs, context.signal), trial.during?.(hop, windowMs)]);
    const after = await moment(hop, sink, generator);
    const figures = figuresOf(before, after);
    const late = after.generator.lateCells - before.generator.lateCells;
    const reason = (await drain(context, generator, sink)) ?? faultOf(shape, figures, late);
    return reason === undefined ? { valid: true, figures } : { valid: false, reason };
  } finally {
    await context.children.endAll();
  }
}
