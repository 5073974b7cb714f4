import { join } from 'node:path';
import type { Bench, BenchContext, CaseResult, Trial } from '../support/bench-types.js';
import type { BenchEvent } from '../support/child-set.js';
import { alternate, summarize, summarizePairs } from '../support/trials.js';
import type { Notes } from '../support/trials.js';

const PENDING = [1, 23, 127, 1000] as const;
const IDLE = [0, 1000, 4000] as const;
const FROM_JAVASCRIPT = [23, 127, 1000] as const;
/** Set on every socket by the program. */
const NOTES: Notes = { 'congestion control': 'cubic', mss: 1448, time: 'CPU time of the thread' };
/** Bounds of the ratios: at these numbers of pending sockets the fixed part no longer counts. */
const BOUND_FROM = 127;
const MOST_OVER_BARE = 1.3;
const MOST_OVER_IDLE0 = 1.15;
const PAPER = "the KIST paper's 1.08 us a socket";

type Point = `pending${number}.idle${number}`;

const POINTS: readonly { point: Point; pending: number; idle: number }[] = PENDING.flatMap((pending) =>
  IDLE.map((idle) => ({ point: `pending${pending}.idle${idle}` as const, pending, idle })),
);

function figuresOf(result: BenchEvent, names: readonly string[]): Trial {
  return { valid: true, figures: Object.fromEntries(names.map((name) => [name, Number(result[name])])) };
}

/** One trial in a process of its own, which ends itself. */
async function runOnce(
  context: BenchContext,
  command: string,
  args: readonly string[],
  names: readonly string[],
): Promise<Trial> {
  const child = context.children.start(command, args);
  try {
    return figuresOf(await child.next('result', 60_000), names);
  } finally {
    await child.end();
  }
}

const FIGURES = [
  'runNs',
  'bareNs',
  'twoCallsNs',
  'overBare',
  'overTwoCalls',
  'timerWakeNs',
  'postedWakeNs',
] as const;

async function measureRuns(context: BenchContext): Promise<Map<Point, Trial[]>> {
  const program = await context.program('syscalls');
  const samples = context.quick ? '60' : '300';
  const trials = new Map<Point, Trial[]>();
  for (const pending of PENDING) {
    const points = POINTS.filter((entry) => entry.pending === pending).map((entry) => entry.point);
    if (!points.some((point) => context.wants(`syscalls.${point}`) || context.wants(idleCase(pending))))
      continue;
    const results = await alternate(points, context.quick ? 3 : 7, context.signal, (point) => {
      const idle = POINTS.find((entry) => entry.point === point)?.idle ?? 0;
      return runOnce(context, program, [String(pending), String(idle), samples], FIGURES);
    });
    for (const point of points) trials.set(point, results[point] ?? []);
    context.log(`  ${pending} pending sockets: done`);
  }
  return trials;
}

function idleCase(pending: number): string {
  return `syscalls.pending${pending}.idle4000OverIdle0`;
}

/** `figure` divided by the number of pending sockets, in microseconds. */
function perSocket(trials: readonly Trial[], figure: string, pending: number): Trial[] {
  return trials.map((trial) =>
    trial.valid
      ? { valid: true, figures: { us: (trial.figures[figure] ?? Number.NaN) / pending / 1000 } }
      : trial,
  );
}

function runCases(trials: ReadonlyMap<Point, Trial[]>): CaseResult[] {
  const cases: CaseResult[] = [];
  for (const { point, pending } of POINTS) {
    const own = trials.get(point);
    if (own === undefined) continue;
    const bound = pending >= BOUND_FROM ? { 'at most': MOST_OVER_BARE } : {};
    const each = (name: string, figure: string, notes: Notes = NOTES): CaseResult =>
      summarize(`syscalls.${point}.${name}`, 'us a socket', perSocket(own, figure, pending), 'us', notes);
    cases.push(
      summarize(`syscalls.${point}.overBare`, 'ratio', own, 'overBare', { ...NOTES, ...bound }),
      each('run', 'runNs', { ...NOTES, compare: PAPER }),
      each('bare', 'bareNs'),
      each('twoCalls', 'twoCallsNs', { ...NOTES, what: "C tor's getsockopt and SIOCOUTQNSD, bare" }),
    );
  }
  for (const pending of PENDING) {
    const [loaded, alone] = [trials.get(`pending${pending}.idle4000`), trials.get(`pending${pending}.idle0`)];
    if (loaded === undefined || alone === undefined) continue;
    const notes = { ...NOTES, 'at most': MOST_OVER_IDLE0 };
    cases.push(summarizePairs(idleCase(pending), 'ratio', loaded, alone, 'runNs', { notes }));
  }
  return cases;
}

/** What a run costs however many channels are pending. */
function fixedCases(trials: ReadonlyMap<Point, Trial[]>): CaseResult[] {
  return IDLE.flatMap((idle) => {
    const own = trials.get(`pending1.idle${idle}`);
    if (own === undefined) return [];
    const fixed = own.map((trial): Trial => {
      if (!trial.valid) return trial;
      const { runNs = 0, bareNs = 0, timerWakeNs = 0, postedWakeNs = 0 } = trial.figures;
      return {
        valid: true,
        figures: { run: (runNs - bareNs) / 1000, timer: timerWakeNs / 1000, posted: postedWakeNs / 1000 },
      };
    });
    const name = (what: string): string => `syscalls.fixed.idle${idle}.${what}`;
    const note = (what: string): Notes => ({ ...NOTES, what });
    return [
      summarize(name('run'), 'us', fixed, 'run', note('run with one pending socket less its system call')),
      summarize(name('timerWake'), 'us', fixed, 'timer', note('turn woken by the timerfd, nothing to do')),
      summarize(name('postedWake'), 'us', fixed, 'posted', note('turn woken by the eventfd, nothing to do')),
    ];
  });
}

async function javaScriptCases(context: BenchContext): Promise<CaseResult[]> {
  const cases: CaseResult[] = [];
  const ways = ['batched', 'perSocket', 'perSocketObject'] as const;
  for (const sockets of FROM_JAVASCRIPT) {
    const name = `syscalls.fromJavaScript.pending${sockets}`;
    if (!context.wants(name)) continue;
    const addon = await context.program('tcp_info_addon.node');
    const script = join(import.meta.dirname, 'tcp-info-child.js');
    const args = [script, addon, String(sockets), context.quick ? '30' : '150'];
    const { once } = await alternate(['once'], context.quick ? 3 : 7, context.signal, () =>
      runOnce(context, process.execPath, args, ways),
    );
    const notes: Notes = { ...NOTES, time: 'wall clock' };
    cases.push(
      ...ways.map((way) => summarize(`${name}.${way}`, 'ns a socket', once, way, notes)),
      summarize(
        `${name}.perSocketOverBatched`,
        'ratio',
        ratioOf(once, 'perSocket', 'batched'),
        'ratio',
        notes,
      ),
    );
  }
  return cases;
}

function ratioOf(trials: readonly Trial[], over: string, under: string): Trial[] {
  return trials.map((trial) =>
    trial.valid
      ? { valid: true, figures: { ratio: (trial.figures[over] ?? 0) / (trial.figures[under] ?? 0) } }
      : trial,
  );
}

async function run(context: BenchContext): Promise<CaseResult[]> {
  const trials = await measureRuns(context);
  return [...runCases(trials), ...fixedCases(trials), ...(await javaScriptCases(context))];
}

export const syscallsBench: Bench = {
  name: 'syscalls',
  about: 'limit refresh of a run in which nothing is writable, beside a bare loop of its system calls',
  run,
};
