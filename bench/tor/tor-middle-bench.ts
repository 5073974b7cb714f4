import type { Bench, BenchContext, CaseResult, Trial } from '../support/bench-types.js';
import { alternate, median, summarize, summarizePairs } from '../support/trials.js';
import type { Notes } from '../support/trials.js';
import { runBulk } from './bulk-trial.js';
import { LEAST_FULL, LINK_BITS, LINK_QUEUE_BYTES, runLink, SMALL_BYTES } from './link-trial.js';
import { CONGESTION_CONTROL } from './loopback.js';
import { bareNodeMb, idleChannelCases, residentCases } from './memory-trial.js';
import { TESTED } from './scene-messages.js';
import type { Tested } from './scene-messages.js';
import { Scene, sceneMissing } from './scene.js';

const CIRCUITS = [1, 10, 50] as const;
const BULK_KINDS = ['ours', 'oursDefault', 'ctor'] as const;
const LINK_KINDS = ['oursDefault', 'ctor', 'ctorVanilla'] as const;
/** C tor's clients use CGO with C tor's relay and tor1 with ours, which is 0.87 of its cost: this is half of its tor1 cost. */
const MOST_CPU = 0.43;
const NOTES: Notes = {
  path: 'client, guard, relay under test, exit; all others C tor',
  'congestion control': CONGESTION_CONTROL,
  mtu: 1500,
  'relay crypto': 'ours tor1, ctor CGO',
};

type Trials<V extends Tested> = Partial<Record<V, Trial[]>>;

/** Median share of the machine's CPUs that went to other work. */
function othersNote(trials: readonly Trial[]): Notes {
  const shares = trials.flatMap((trial) => (trial.valid ? [trial.figures['others'] ?? 0] : []));
  return shares.length === 0 ? {} : { 'other work, CPUs': median(shares).toFixed(2) };
}

function bulkName(circuits: number, rest: string): string {
  return `torMiddle.bulk${circuits}.${rest}`;
}

function overCtor(circuits: number, kind: 'ours' | 'oursDefault', trials: Trials<Tested>): CaseResult {
  const name = bulkName(circuits, kind === 'ours' ? 'cpuOverCtor' : 'default.cpuOverCtor');
  const notes = { ...NOTES, 'at most': MOST_CPU, 'run interval': kind === 'ours' ? '3 ms' : 'default' };
  return summarizePairs(name, 'ratio', trials[kind] ?? [], trials.ctor ?? [], 'cpuSecondsPerGiB', { notes });
}

function isMemoryWanted(context: BenchContext): boolean {
  return ['oursLessNode', 'ctor', 'oursLessNodeMinusCtor'].some((name) =>
    context.wants(`torMiddle.memory.bulk50.${name}`),
  );
}

function isBulkWanted(context: BenchContext, circuits: number): boolean {
  const names = BULK_KINDS.flatMap((kind) => [`${kind}.cpuSecondsPerGiB`, `${kind}.mbPerSecond`]);
  const all = ['cpuOverCtor', 'default.cpuOverCtor', ...names].map((rest) => bulkName(circuits, rest));
  return all.some((name) => context.wants(name)) || (circuits === 50 && isMemoryWanted(context));
}

async function bulkCases(context: BenchContext, scene: Scene, circuits: number): Promise<CaseResult[]> {
  const trials = await alternate(BULK_KINDS, context.quick ? 2 : 5, context.signal, (relay, trial) =>
    runBulk(context, scene, {
      relay,
      circuits,
      warmUpMs: context.quick ? 2000 : 4000,
      windowMs: context.quick ? 4000 : 10_000,
      isProfiled: context.profile && trial === 0,
    }),
  );
  const cases = [overCtor(circuits, 'ours', trials), overCtor(circuits, 'oursDefault', trials)];
  for (const kind of BULK_KINDS) {
    const own = trials[kind];
    const notes = { ...NOTES, ...othersNote(own) };
    cases.push(
      summarize(bulkName(circuits, `${kind}.cpuSecondsPerGiB`), 'CPU s/GiB', own, 'cpuSecondsPerGiB', notes),
      summarize(bulkName(circuits, `${kind}.mbPerSecond`), 'MB/s', own, 'mbPerSecond', notes),
    );
  }
  if (circuits === 50 && isMemoryWanted(context))
    cases.push(...residentCases(trials.oursDefault, trials.ctor, await bareNodeMb(context)));
  return cases;
}

const LINK_NOTES: Notes = {
  ...NOTES,
  link: `tbf ${LINK_BITS / 1e6} Mbit/s on the relay's egress, ${LINK_QUEUE_BYTES} byte queue, at least ${LEAST_FULL * 100} % full`,
  load: `50 bulk circuits; downloads of ${SMALL_BYTES} bytes on circuits of their own, two at a time`,
};

async function linkCases(context: BenchContext, scene: Scene): Promise<CaseResult[]> {
  const trials = await alternate(LINK_KINDS, context.quick ? 1 : 5, context.signal, (relay) =>
    runLink(context, scene, {
      relay,
      warmUpMs: context.quick ? 4000 : 10_000,
      downloads: context.quick ? 20 : 80,
    }),
  );
  const prefix = 'torMiddle.link50';
  const { oursDefault: ours, ctor, ctorVanilla } = trials;
  const ratio = (rest: string, other: readonly Trial[], figure: string, bound: Notes): CaseResult =>
    summarizePairs(`${prefix}.${rest}`, 'ratio', ours, other, figure, { notes: { ...LINK_NOTES, ...bound } });
  const cases = [
    ratio('ttfb50k.p50OverKist', ctor, 'ttfbP50', { 'at most': 1 }),
    ratio('ttfb50k.p95OverVanilla', ctorVanilla, 'ttfbP95', { 'at most': 1 }),
    ratio('bulkOverKist', ctor, 'mbPerSecond', { 'at least': 1 }),
  ];
  for (const kind of LINK_KINDS) {
    const own = trials[kind];
    const each = (rest: string, unit: string, figure: string): CaseResult =>
      summarize(`${prefix}.${kind}.${rest}`, unit, own, figure, { ...LINK_NOTES, ...othersNote(own) });
    cases.push(
      each('ttfb50k.p50Ms', 'ms', 'ttfbP50'),
      each('ttfb50k.p95Ms', 'ms', 'ttfbP95'),
      each('ttlb50k.p50Ms', 'ms', 'ttlbP50'),
      each('buildP50Ms', 'ms', 'buildP50'),
      each('bulkMbPerSecond', 'MB/s', 'mbPerSecond'),
    );
  }
  return cases;
}

function isLinkWanted(context: BenchContext): boolean {
  return ['ttfb50k.p50OverKist', 'ttfb50k.p95OverVanilla', 'bulkOverKist'].some((rest) =>
    context.wants(`torMiddle.link50.${rest}`),
  );
}

async function run(context: BenchContext): Promise<CaseResult[]> {
  const missing = await sceneMissing();
  if (missing !== undefined) {
    context.log(`  ${missing}`);
    return [];
  }
  const circuits = CIRCUITS.filter((count) => isBulkWanted(context, count));
  const isLink = isLinkWanted(context);
  context.log('  a private network of tor is coming up');
  const scene = await Scene.open(context, {
    relays: TESTED.filter((kind) => isLink || kind !== 'ctorVanilla'),
  });
  const cases: CaseResult[] = [];
  for (const count of circuits) cases.push(...(await bulkCases(context, scene, count)));
  if (context.wants('torMiddle.memory.idleChannel')) cases.push(...(await idleChannelCases(context, scene)));
  if (isLink) cases.push(...(await linkCases(context, scene)));
  await scene.close();
  return cases;
}

export const torMiddleBench: Bench = {
  name: 'tor-middle',
  about:
    "CPU, memory and delay of a Tor middle relay beside C tor's, in a private network (needs tor, python3-stem)",
  run,
};
