import type { Resources } from './resources.js';

/** 10,000 circuits in 20 minutes. */
const CIRCUITS_PER_MINUTE = 10_000 / 20;
const MAX_GROWTH = 1.05;
/** A lost circuit is rebuilt long before; only a hang is silent for so long. */
const MAX_SILENCE_MS = 15_000;

export interface SoakResult {
  minutes: number;
  circuits: number;
  circuitsFailed: number;
  fetches: number;
  failures: number;
  wrongBytes: number;
  kills: number;
  /** Longest time without a byte for any client. */
  longestSilenceMs: number;
  kinds: Record<string, { done: number; failed: number }>;
  errors: Record<string, number>;
  megabytesDown: number;
  megabytesUp: number;
  /** Median RSS of each quarter, bytes. */
  rssQuarters: number[];
  /** Bytes of JavaScript objects after a collection, at the end of each quarter. */
  heapQuarters: number[];
  process: { start: Resources; end: Resources };
  plane: { start: Resources; end: Resources };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}

/** Medians of the four quarters of `values`. */
export function quarters(values: readonly number[]): number[] {
  const quarter = values.length / 4;
  return [0, 1, 2, 3].map((i) =>
    median(values.slice(Math.floor(i * quarter), Math.floor((i + 1) * quarter))),
  );
}

function unequal(what: string, start: Resources, end: Resources): string[] {
  const names = [...new Set([...Object.keys(start), ...Object.keys(end)])];
  return names
    .filter((name) => (start[name] ?? 0) !== (end[name] ?? 0))
    .map((name) => `${what} ${name}: ${start[name] ?? 0} at the start, ${end[name] ?? 0} at the end`);
}

/** Every reason why the run was not good; none when it was. */
export function faultsOf(result: SoakResult): string[] {
  const faults: string[] = [];
  const wanted = Math.floor(result.minutes * CIRCUITS_PER_MINUTE);
  if (result.circuits < wanted) faults.push(`${result.circuits} circuits were built, not ${wanted}`);
  if (result.wrongBytes > 0) faults.push(`${result.wrongBytes} times the bytes were wrong`);
  for (const [kind, { done }] of Object.entries(result.kinds)) {
    if (done === 0 && kind !== 'circuit' && kind !== 'loop') faults.push(`not one '${kind}' succeeded`);
  }
  if (result.fetches < result.failures) faults.push('more failed than succeeded');
  if (result.longestSilenceMs > MAX_SILENCE_MS) {
    faults.push(`not a byte came for ${(result.longestSilenceMs / 1000).toFixed(1)} s`);
  }
  const [, second = 0, , last = 0] = result.rssQuarters;
  if (last > second * MAX_GROWTH) {
    faults.push(`RSS grew from ${mib(second)} (second quarter) to ${mib(last)} MiB (last)`);
  }
  faults.push(...unequal('process', result.process.start, result.process.end));
  faults.push(...unequal('data plane', result.plane.start, result.plane.end));
  return faults;
}

export function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
