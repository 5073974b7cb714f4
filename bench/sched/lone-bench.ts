import type { SchedulerOptions } from '../../src/index.js';
import type { Bench, BenchContext, CaseResult, Trial } from '../support/bench-types.js';
import { Generator, Sink, sinkFault } from '../support/load.js';
import { RelayProcess } from '../support/relay-process.js';
import { sleep } from '../support/sleep.js';
import { alternate, summarize, summarizePairs } from '../support/trials.js';
import type { Notes } from '../support/trials.js';

const INTERVALS_MS = [10, 100] as const;
const VARIANTS = ['vanilla', 'kist', 'kistTimedOnly'] as const;
type Variant = (typeof VARIANTS)[number];
const SCHEDULERS: Readonly<Record<Variant, SchedulerOptions>> = {
  vanilla: { policy: 'vanilla' },
  kist: { policy: 'kist' },
  kistTimedOnly: { policy: 'kist', drainWake: false, lightWake: false, fullWake: false },
};
const SOCKET = { cc: 'cubic', mss: 1448 } as const;
const NOTES: Notes = { 'congestion control': SOCKET.cc, mss: SOCKET.mss, circuits: 1, channels: 1 };
const LEAST_OVER_VANILLA = 0.9;
/** At this interval timed runs alone must hold the channel back, or the load does not need early runs. */
const CONTROL_INTERVAL_MS = 100;
const MOST_OF_CONTROL = 0.5;
const CELL_BITS = 512 * 8;
/** What stands in the sockets when the generator stops, at the pace of timed runs. */
const DRAIN_MS = 20_000;

/** One bulk circuit through a relay of its own; goodput at the sink over a window. */
async function runOnce(context: BenchContext, scheduler: SchedulerOptions): Promise<Trial> {
  const sink = await Sink.start(context, { socket: SOCKET });
  const relay = await RelayProcess.start(context, {
    dataPlane: { threads: 1, scheduler },
    socket: { congestionControl: SOCKET.cc, maxSegment: SOCKET.mss },
  });
  try {
    const generator = await Generator.start(context, { relay, sink, bulk: 1, socket: SOCKET });
    generator.go();
    await sleep(context.quick ? 500 : 1000, context.signal);
    const [cpuBefore, before] = [await relay.sample(), await sink.report()];
    await sleep(context.quick ? 700 : 3000, context.signal);
    const [cpuAfter, after] = [await relay.sample(), await sink.report()];
    const fault = await drain(context, generator, sink);
    if (fault !== undefined) return { valid: false, reason: fault };
    const cells = after.cells - before.cells;
    const seconds = (after.nowNs - before.nowNs) / 1e9;
    const [was, is] = [cpuBefore, cpuAfter].map((sample) => sample.stats.dataPlane.reactors[0]?.scheduler);
    const runs = (['timedRuns', 'drainRuns', 'lightRuns', 'fullRuns'] as const).map(
      (kind) => ((is?.[kind] ?? 0) - (was?.[kind] ?? 0)) / seconds,
    );
    return {
      valid: true,
      figures: {
        megabitPerSecond: (cells * CELL_BITS) / seconds / 1e6,
        usPerCell: (cpuAfter.cpuNs - cpuBefore.cpuNs) / cells / 1000,
        runsPerSecond: runs.reduce((sum, count) => sum + count, 0),
      },
    };
  } finally {
    await context.children.endAll();
  }
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

/** A trial counts only if its control was held back. */
function checkedByControl(
  trials: readonly Trial[],
  control: readonly Trial[],
  vanilla: readonly Trial[],
): Trial[] {
  return trials.map((trial, index) => {
    const [held, free] = [control[index], vanilla[index]];
    if (!trial.valid || held?.valid !== true || free?.valid !== true) return trial;
    const share = (held.figures['megabitPerSecond'] ?? 0) / (free.figures['megabitPerSecond'] ?? 0);
    if (share < MOST_OF_CONTROL) return trial;
    return {
      valid: false,
      reason: `timed runs alone reached ${share.toFixed(2)} of vanilla: proves nothing`,
    };
  });
}

function casesOf(interval: number, trials: Readonly<Record<Variant, Trial[]>>): CaseResult[] {
  const name = (variant: Variant, figure: string): string => `lone.${variant}.interval${interval}.${figure}`;
  const { kist, kistTimedOnly, vanilla } = trials;
  const isControlled = interval === CONTROL_INTERVAL_MS;
  const checked = isControlled ? checkedByControl(kist, kistTimedOnly, vanilla) : kist;
  const bound = { ...NOTES, 'at least': LEAST_OVER_VANILLA };
  const control = isControlled ? { ...NOTES, below: MOST_OF_CONTROL } : NOTES;
  const figure = 'megabitPerSecond';
  return [
    summarizePairs(name('kist', 'overVanilla'), 'ratio', checked, vanilla, figure, { notes: bound }),
    summarizePairs(name('kistTimedOnly', 'overVanilla'), 'ratio', kistTimedOnly, vanilla, figure, {
      notes: control,
    }),
    ...VARIANTS.flatMap((variant) => [
      summarize(name(variant, 'goodput'), 'Mbit/s', trials[variant], figure, NOTES),
      summarize(name(variant, 'cpuPerCell'), 'CPU us a cell', trials[variant], 'usPerCell', NOTES),
      summarize(name(variant, 'runs'), 'runs/s', trials[variant], 'runsPerSecond', NOTES),
    ]),
  ];
}

async function run(context: BenchContext): Promise<CaseResult[]> {
  const cases: CaseResult[] = [];
  for (const interval of INTERVALS_MS) {
    if (!VARIANTS.some((variant) => context.wants(`lone.${variant}.interval${interval}.overVanilla`)))
      continue;
    const trials = await alternate(VARIANTS, context.quick ? 3 : 7, context.signal, async (variant) => {
      const trial = await runOnce(context, { ...SCHEDULERS[variant], runIntervalMs: interval });
      const text = trial.valid ? `${trial.figures['megabitPerSecond']?.toFixed(0)} Mbit/s` : trial.reason;
      context.log(`  interval ${interval} ms, ${variant}: ${text}`);
      return trial;
    });
    cases.push(...casesOf(interval, trials));
  }
  return cases;
}

export const loneBench: Bench = {
  name: 'lone',
  about: 'goodput of one bulk circuit alone on its channel, with and without early runs, beside vanilla',
  run,
};
