import type { DataPlaneOptions, NativeStats } from '../../src/index.js';
import type { BenchContext, Trial } from '../support/bench-types.js';
import { Generator, Sink, sinkFault } from '../support/load.js';
import type { Delays, GeneratorOptions, SinkReport } from '../support/load.js';
import { RelayProcess } from '../support/relay-process.js';
import { sleep } from '../support/sleep.js';
import type { NarrowLink } from './narrow-link.js';

/** Set on every socket. */
export const SOCKET = { cc: 'cubic', mss: 1448 } as const;
export const BULK_CIRCUITS = 50;
/** Few cells a second each, and enough circuits for a thousand samples in the time. */
export const QUIET_CIRCUITS = 20;
export const QUIET_RATE = 2;
/** A small request: alone, a cell would be served first by round robin too, whose turn it always is. */
export const QUIET_BURST = 4;
export const LINK_BITS = 50_000_000;
const CELL_BITS = 512 * 8;
/** What is left of the link for cells: 1436 of 1514 bytes a packet (timestamps on). */
const LINK_SHARE = 1436 / 1514;
const LEAST_FULL = 0.9;
const PLACING_TRIES = 60;

/** Where the quiet circuits leave: on the bulk circuits' channel, on another, on another of the other reactor. */
export type Place = 'same' | 'other' | 'otherReactor';

export interface QuietTrial {
  readonly place: Place;
  readonly dataPlane: DataPlaneOptions;
  /** Null: this machine allows no namespaces, so the relay's sockets are paced instead. */
  readonly link: NarrowLink | null;
  /** The trial counts only if the bulk circuits filled the link. */
  readonly mustFill: boolean;
  readonly emptyMs: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
}

interface Parts {
  readonly relay: RelayProcess;
  readonly sink: Sink;
}

async function startParts(context: BenchContext, trial: QuietTrial): Promise<Parts> {
  const { link, place, dataPlane } = trial;
  const sink = await Sink.start(context, {
    ports: 2,
    socket: SOCKET,
    ...(link === null ? {} : { host: link.sinkHost, wrap: link.atSink }),
  });
  const pacing = link === null ? { maxPacingRate: LINK_BITS / 8 } : {};
  const relay = await RelayProcess.start(context, {
    dataPlane: { ...dataPlane, threads: place === 'otherReactor' ? 2 : 1 },
    socket: { congestionControl: SOCKET.cc, maxSegment: SOCKET.mss, ...pacing },
    ...(link === null ? {} : { wrap: link.atRelay }),
  });
  return { relay, sink };
}

type Load = Pick<GeneratorOptions, 'bulk' | 'bulkOut' | 'quiet' | 'quietRate' | 'quietBurst'>;

async function startLoad(
  context: BenchContext,
  parts: Parts,
  trial: QuietTrial,
  load: Load,
): Promise<Generator> {
  const wrap = trial.link === null ? {} : { wrap: trial.link.atRelay };
  return Generator.start(context, { ...parts, socket: SOCKET, ...load, ...wrap });
}

function circuitsOf(stats: NativeStats): number[] {
  return stats.reactors.map((reactor) => reactor.circuits);
}

/**
 * The kernel chooses which reactor accepts a connection. So the load is started again until its circuits are where
 * they are wanted: counted on one reactor only (one that crosses is counted on both), and not on `taken`.
 */
async function startPlaced(
  context: BenchContext,
  parts: Parts,
  trial: QuietTrial,
  load: Load,
  taken: readonly number[],
): Promise<Generator> {
  const wanted = (load.bulk ?? 0) + (load.quiet?.length ?? 0);
  for (let i = 0; i < PLACING_TRIES; i++) {
    const generator = await startLoad(context, parts, trial, load);
    const now = circuitsOf((await parts.relay.sample()).stats.dataPlane);
    const added = now.map((count, index) => count - (taken[index] ?? 0));
    const places = added.flatMap((count, index) => (count > 0 ? [index] : []));
    const [place = 0] = places;
    const isFree = taken.every((count, index) => count === 0 || index !== place);
    if (places.length === 1 && added[place] === wanted && isFree) return generator;
    await generator.end();
    await untilCircuits(context, parts.relay, taken);
  }
  throw new Error(`the load did not come to the wanted reactor in ${PLACING_TRIES} attempts`);
}

async function untilCircuits(
  context: BenchContext,
  relay: RelayProcess,
  wanted: readonly number[],
): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const now = circuitsOf((await relay.sample()).stats.dataPlane);
    if (now.every((count, index) => count === (wanted[index] ?? 0))) return;
    await sleep(20, context.signal);
  }
  throw new Error('the circuits of an ended generator are still there');
}

function delaysOf(delays: Delays, prefix: string): Record<string, number> {
  const ms = (ns: number | undefined): number => (ns ?? Number.NaN) / 1e6;
  return {
    [`${prefix}P50`]: ms(delays.p50),
    [`${prefix}P90`]: ms(delays.p90),
    [`${prefix}P99`]: ms(delays.p99),
    [`${prefix}Samples`]: delays.count,
  };
}

function figuresOf(empty: SinkReport, before: SinkReport, full: SinkReport): Record<string, number> {
  const bits = (full.cells - before.cells) * CELL_BITS;
  const figures: Record<string, number> = {
    ...delaysOf(empty.quietDelay, 'empty'),
    ...delaysOf(full.quietDelay, 'full'),
    bulkMegabit: (bits / (full.nowNs - before.nowNs)) * 1e3,
  };
  // The median of the empty path: its own tail is other processes' doing and does not add up with this one's.
  for (const p of ['P50', 'P90', 'P99']) {
    figures[`added${p}`] = (figures[`full${p}`] ?? Number.NaN) - (figures['emptyP50'] ?? Number.NaN);
  }
  return figures;
}

function faultOf(
  report: SinkReport,
  figures: Readonly<Record<string, number>>,
  mustFill: boolean,
): string | undefined {
  const fault = sinkFault(report);
  if (fault !== undefined) return fault;
  const { bulkMegabit = 0, fullSamples = 0, emptySamples = 0 } = figures;
  if (fullSamples < 50 || emptySamples < 50) return 'too few samples';
  const share = bulkMegabit / ((LINK_BITS / 1e6) * LINK_SHARE);
  return mustFill && share < LEAST_FULL ? `the link was only ${(share * 100).toFixed(0)} % full` : undefined;
}

/** One trial in fresh processes: delays of the quiet circuits alone, then the same beside the bulk circuits. */
export async function runQuietTrial(context: BenchContext, trial: QuietTrial): Promise<Trial> {
  try {
    const parts = await startParts(context, trial);
    const { sink } = parts;
    const quietSink = trial.place === 'same' ? 0 : 1;
    const quietLoad: Load = {
      bulk: 0,
      quiet: Array.from({ length: QUIET_CIRCUITS }, () => ({ channel: 0, sink: quietSink })),
      quietRate: QUIET_RATE,
      quietBurst: QUIET_BURST,
    };
    const bulkLoad: Load = { bulk: BULK_CIRCUITS, bulkOut: 1 };
    const none = circuitsOf((await parts.relay.sample()).stats.dataPlane).map(() => 0);
    const bulk = await startPlaced(context, parts, trial, bulkLoad, none);
    const taken = circuitsOf((await parts.relay.sample()).stats.dataPlane);
    const quiet =
      trial.place === 'otherReactor'
        ? await startPlaced(context, parts, trial, quietLoad, taken)
        : await startLoad(context, parts, trial, quietLoad);
    quiet.go();
    await sleep(200, context.signal);
    sink.reset();
    await sleep(trial.emptyMs, context.signal);
    const empty = await sink.report();
    bulk.go();
    await sleep(trial.warmUpMs, context.signal);
    sink.reset();
    const before = await sink.report();
    await sleep(trial.windowMs, context.signal);
    const full = await sink.report();
    const figures = figuresOf(empty, before, full);
    // Attempts to place the load were destroyed on purpose, before.
    const reason = faultOf({ ...full, destroys: full.destroys - empty.destroys }, figures, trial.mustFill);
    return reason === undefined ? { valid: true, figures } : { valid: false, reason };
  } finally {
    await context.children.endAll();
  }
}
