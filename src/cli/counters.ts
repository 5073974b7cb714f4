import type { NativeHistogram, NativeReactorStats, NativeStats } from '../native/binding-types.js';

/** What the live line shows: rates since the last snapshot, levels as they stand. */
export interface Counters {
  readonly cellsPerSecond: number;
  readonly circuits: number;
  readonly streams: number;
  readonly timedRuns: number;
  readonly drainRuns: number;
  readonly lightRuns: number;
  readonly fullRuns: number;
  /** Queue delay since the last snapshot, milliseconds; undefined without a cell. */
  readonly delayP50Ms: number | undefined;
  readonly delayP99Ms: number | undefined;
  readonly limitsAtZero: number;
}

/** The counts of some histograms with the same bounds rule, by bound. */
function countsByBound(histograms: readonly NativeHistogram[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { bounds, counts: values } of histograms) {
    bounds.forEach((bound, i) => counts.set(bound, (counts.get(bound) ?? 0) + (values[i] ?? 0)));
  }
  return counts;
}

/** The bound below which a `share` of what was counted since `before` lies, or undefined when nothing was. */
export function percentile(
  now: readonly NativeHistogram[],
  before: readonly NativeHistogram[],
  share: number,
): number | undefined {
  const old = countsByBound(before);
  const added = [...countsByBound(now)]
    .map(([bound, count]) => [bound, count - (old.get(bound) ?? 0)] as const)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => a - b);
  const total = added.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bound, count] of added) {
    seen += count;
    if (seen >= share * total) return bound;
  }
  return undefined;
}

function sum(reactors: readonly NativeReactorStats[], pick: (reactor: NativeReactorStats) => number): number {
  return reactors.reduce((total, reactor) => total + pick(reactor), 0);
}

function delays(stats: NativeStats | undefined): NativeHistogram[] {
  return (stats?.reactors ?? []).map(({ scheduler }) => scheduler.queueDelayNs);
}

function toMs(ns: number | undefined): number | undefined {
  return ns === undefined ? undefined : ns / 1e6;
}

/** Compares two snapshots, `seconds` apart. */
export function countersBetween(
  before: NativeStats | undefined,
  now: NativeStats,
  seconds: number,
): Counters {
  const rise = (pick: (reactor: NativeReactorStats) => number): number =>
    sum(now.reactors, pick) - sum(before?.reactors ?? [], pick);
  return {
    cellsPerSecond: rise((reactor) => reactor.scheduler.cellsWritten) / Math.max(seconds, 0.001),
    circuits: sum(now.reactors, (reactor) => reactor.circuits),
    streams: sum(now.reactors, (reactor) => reactor.streams),
    timedRuns: rise((reactor) => reactor.scheduler.timedRuns),
    drainRuns: rise((reactor) => reactor.scheduler.drainRuns),
    lightRuns: rise((reactor) => reactor.scheduler.lightRuns),
    fullRuns: rise((reactor) => reactor.scheduler.fullRuns),
    delayP50Ms: toMs(percentile(delays(now), delays(before), 0.5)),
    delayP99Ms: toMs(percentile(delays(now), delays(before), 0.99)),
    limitsAtZero: rise((reactor) => reactor.scheduler.limitsAtZero),
  };
}

function formatMs(ms: number | undefined): string {
  if (ms === undefined) return '-';
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(0);
}

/** One line for people. */
export function formatCounters(counters: Counters): string {
  const { circuits, streams, timedRuns, drainRuns, lightRuns, fullRuns, limitsAtZero } = counters;
  return [
    `${Math.round(counters.cellsPerSecond)} cells/s`,
    `${circuits} circuits`,
    `${streams} streams`,
    `runs ${timedRuns} timed ${drainRuns} drain ${lightRuns} light ${fullRuns} full`,
    `queue delay p50 ${formatMs(counters.delayP50Ms)} p99 ${formatMs(counters.delayP99Ms)} ms`,
    `${limitsAtZero} limits at zero`,
  ].join(' | ');
}

/** The same figures for a terminal of 80 columns; runs as timed/early. */
export function formatCountersShort(counters: Counters): string {
  const { circuits, streams, timedRuns, drainRuns, lightRuns, fullRuns, limitsAtZero } = counters;
  return [
    `${Math.round(counters.cellsPerSecond)} cells/s`,
    `${circuits} circuits`,
    `${streams} streams`,
    `runs ${timedRuns}/${drainRuns + lightRuns + fullRuns}`,
    `p50 ${formatMs(counters.delayP50Ms)} p99 ${formatMs(counters.delayP99Ms)} ms`,
    `${limitsAtZero} at 0`,
  ].join(', ');
}
