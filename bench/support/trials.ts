import type { CaseResult, Trial } from './bench-types.js';

export type Notes = NonNullable<CaseResult['notes']>;

/**
 * Runs every variant once, then every variant again, ... (A B A B): what the machine does meanwhile befalls all alike.
 * A variant that throws has a trial that is not valid. Returns each variant's trials in their order.
 */
export async function alternate<V extends string>(
  variants: readonly V[],
  trials: number,
  signal: AbortSignal,
  run: (variant: V, trial: number) => Promise<Trial>,
): Promise<Record<V, Trial[]>> {
  const results = Object.fromEntries(variants.map((variant) => [variant, []])) as unknown as Record<
    V,
    Trial[]
  >;
  for (let trial = 0; trial < trials; trial++) {
    for (const variant of variants) {
      signal.throwIfAborted();
      try {
        results[variant].push(await run(variant, trial));
      } catch (error) {
        signal.throwIfAborted();
        results[variant].push({
          valid: false,
          reason: error instanceof Error ? error.message : String(error),
        });
      }
    }
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function caseOf(
  name: string,
  unit: string,
  trials: readonly (number | string)[],
  notes: Notes | undefined,
): CaseResult {
  const valid = trials.filter((trial) => typeof trial === 'number');
  const invalid = [...new Set(trials.filter((trial) => typeof trial === 'string'))];
  const enough = valid.length > 0 && valid.length * 2 > trials.length;
  return {
    name,
    unit,
    value: enough ? median(valid) : null,
    spread: enough ? [Math.min(...valid), Math.max(...valid)] : null,
    trials: trials.map((trial) => (typeof trial === 'number' ? trial : null)),
    invalid,
    ...(notes === undefined ? {} : { notes }),
  };
}

function figureOf(trial: Trial | undefined, figure: string): number | string {
  if (trial === undefined) return 'the trial did not run';
  if (!trial.valid) return trial.reason;
  const value = trial.figures[figure];
  return value === undefined || !Number.isFinite(value) ? `no figure named ${figure}` : value;
}

/** The median of one figure. */
export function summarize(
  name: string,
  unit: string,
  trials: readonly Trial[],
  figure: string,
  notes?: Notes,
): CaseResult {
  return caseOf(
    name,
    unit,
    trials.map((trial) => figureOf(trial, figure)),
    notes,
  );
}

/** The median of `compare(a, b)` over the pairs of trials that ran next to each other (a ratio unless told). */
export function summarizePairs(
  name: string,
  unit: string,
  a: readonly Trial[],
  b: readonly Trial[],
  figure: string,
  options: { readonly notes?: Notes; readonly compare?: (a: number, b: number) => number } = {},
): CaseResult {
  const compare = options.compare ?? ((x: number, y: number) => x / y);
  const pairs = a.map((trial, index) => {
    const left = figureOf(trial, figure);
    const right = figureOf(b[index], figure);
    if (typeof left === 'string') return left;
    return typeof right === 'string' ? right : compare(left, right);
  });
  return caseOf(name, unit, pairs, options.notes);
}
