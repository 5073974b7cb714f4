import type { Bench, BenchContext, CaseResult, Trial } from '../support/bench-types.js';
import { alternate, median, summarize, summarizePairs } from '../support/trials.js';
import type { Notes } from '../support/trials.js';
import { runMiddleHop, SOCKET, startBare, startRelay } from './middle-hop.js';
import { recordProfile } from './profile.js';
import { runScaling } from './scaling.js';

const VARIANTS = ['bare', 'kist', 'kist-lite', 'vanilla'] as const;
type Variant = (typeof VARIANTS)[number];
const SHAPES = [1, 60] as const;
const CIRCUITS = 100;
const RATES: Readonly<Record<string, number>> = { rate20k: 20_000, rate200k: 200_000 };
const NOTES: Notes = { 'congestion control': SOCKET.cc, mss: SOCKET.mss };
/** What the ratio to the bare forwarder has to reach. */
const LEAST_OVER_BARE = 0.5;

function shapeName(connections: number): string {
  return `${connections}x${connections}`;
}

type Trials = Record<Variant, Trial[]>;

function measure(context: BenchContext, connections: number, rate: number | undefined): Promise<Trials> {
  const shape =
    rate === undefined ? { connections, circuits: CIRCUITS } : { connections, circuits: CIRCUITS, rate };
  const trials = context.quick ? 3 : 7;
  const label = `${shapeName(connections)} ${rate === undefined ? 'saturated' : `${rate} cells/s`}`;
  return alternate(VARIANTS, trials, context.signal, async (variant, trial) => {
    const result = await runMiddleHop(context, {
      shape,
      warmUpMs: context.quick ? 300 : 1000,
      windowMs: context.quick ? 700 : 3000,
      start: (inner) => (variant === 'bare' ? startBare(inner) : startRelay(inner, variant)),
      ...(context.profile && variant !== 'bare' && trial === 0
        ? { during: (hop, ms) => recordProfile(context, `${variant} ${label}`, hop.pid, ms) }
        : {}),
    });
    const text = result.valid ? `${result.figures['usPerCell']?.toFixed(3)} us a cell` : result.reason;
    context.log(`  ${label}, ${variant}: ${text}`);
    return result;
  });
}

/** What made the trials of a saturated case valid: the criterion that the median trial met. */
function criterion(trials: readonly Trial[]): Notes {
  const figures = trials.flatMap((trial) => (trial.valid ? [trial.figures] : []));
  if (figures.length === 0) return NOTES;
  const percent = (name: string): string =>
    `${(median(figures.map((figure) => figure[name] ?? 0)) * 100).toFixed(0)} %`;
  return { ...NOTES, 'reactor busy': percent('busy'), 'input backlogged': percent('blocked') };
}

async function saturatedCases(context: BenchContext, connections: number): Promise<CaseResult[]> {
  const shape = shapeName(connections);
  const trials = await measure(context, connections, undefined);
  const cases = VARIANTS.flatMap((variant) => [
    summarize(
      `relay.${variant}.${shape}.cellsPerCpuSecond`,
      'cells per CPU s',
      trials[variant],
      'cellsPerCpuSecond',
      criterion(trials[variant]),
    ),
    summarize(`relay.${variant}.${shape}.gbitPerSecond`, 'Gbit/s', trials[variant], 'gbitPerSecond', NOTES),
  ]);
  const ratios = VARIANTS.filter((variant) => variant !== 'bare').map((variant) => {
    const bound = variant === 'kist' && connections === 1 ? { 'at least': LEAST_OVER_BARE } : {};
    const notes = { ...NOTES, ...bound };
    const name = `relay.${variant}.${shape}.overBare`;
    return summarizePairs(name, 'ratio', trials[variant], trials.bare, 'cellsPerCpuSecond', { notes });
  });
  return [...cases, ...ratios];
}

async function rateCases(context: BenchContext, connections: number, name: string): Promise<CaseResult[]> {
  const trials = await measure(context, connections, RATES[name]);
  return VARIANTS.flatMap((variant) => {
    const prefix = `relay.${variant}.${shapeName(connections)}.${name}`;
    return [summarize(`${prefix}.usPerCell`, 'CPU us a cell', trials[variant], 'usPerCell', NOTES)];
  });
}

/** True when a case whose name begins so is wanted; the filter may name more of it. */
function wantsAny(context: BenchContext, names: readonly string[]): boolean {
  return names.some((name) => context.wants(name));
}

async function run(context: BenchContext): Promise<CaseResult[]> {
  const cases: CaseResult[] = [];
  for (const connections of SHAPES) {
    const shape = shapeName(connections);
    const saturated = VARIANTS.flatMap((variant) =>
      ['cellsPerCpuSecond', 'gbitPerSecond', 'overBare'].map(
        (figure) => `relay.${variant}.${shape}.${figure}`,
      ),
    );
    if (wantsAny(context, saturated)) cases.push(...(await saturatedCases(context, connections)));
    for (const rate of Object.keys(RATES)) {
      const names = VARIANTS.map((variant) => `relay.${variant}.${shape}.${rate}.usPerCell`);
      if (wantsAny(context, names)) cases.push(...(await rateCases(context, connections, rate)));
    }
  }
  if (wantsAny(context, ['relay.scaling.cross0', 'relay.scaling.cross50']))
    cases.push(...(await runScaling(context)));
  return cases;
}

export const relayBench: Bench = {
  name: 'relay',
  about: 'cells per CPU second of a middle hop by policy, beside a bare forwarder; two reactors over one',
  run,
};
