import type { Bench, BenchContext, CaseResult, Trial } from '../support/bench-types.js';
import { alternate, median, summarize, summarizePairs } from '../support/trials.js';
import type { Notes } from '../support/trials.js';
import { runMiddleHop, SOCKET, startBare, startRelay } from './middle-hop.js';
import { recordProfile } from './profile.js';
import { runScaling } from './scaling.js';

const POLICIES = ['kist', 'kist-lite', 'vanilla'] as const;
const VARIANTS = ['bare', ...POLICIES] as const;
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

type Trials = Partial<Record<Variant, Trial[]>>;

/** One load on one shape: its name in cases, and cells per second unless saturated. */
interface Load {
  readonly connections: number;
  readonly rate?: { readonly name: string; readonly cellsPerSecond: number };
}

const LOADS: readonly Load[] = SHAPES.flatMap((connections) => [
  { connections },
  ...Object.entries(RATES).map(([name, cellsPerSecond]) => ({ connections, rate: { name, cellsPerSecond } })),
]);

function caseName(variant: Variant, load: Load, figure: string): string {
  const rate = load.rate === undefined ? '' : `${load.rate.name}.`;
  return `relay.${variant}.${shapeName(load.connections)}.${rate}${figure}`;
}

/** Those that the case filter asks for; a ratio to the bare forwarder needs that too. */
function wantedVariants(context: BenchContext, load: Load): Variant[] {
  const figures = load.rate === undefined ? ['cellsPerCpuSecond', 'gbitPerSecond'] : ['usPerCell'];
  const ratios = load.rate === undefined ? POLICIES : [];
  const isRatioWanted = (variant: Variant): boolean =>
    ratios.some((policy) => policy === variant && context.wants(caseName(variant, load, 'overBare')));
  const anyRatio = VARIANTS.some((variant) => isRatioWanted(variant));
  return VARIANTS.filter((variant) => {
    if (variant === 'bare' && anyRatio) return true;
    return isRatioWanted(variant) || figures.some((figure) => context.wants(caseName(variant, load, figure)));
  });
}

async function measure(context: BenchContext, load: Load, variants: readonly Variant[]): Promise<Trials> {
  const { connections, rate } = load;
  const shape = {
    connections,
    circuits: CIRCUITS,
    ...(rate === undefined ? {} : { rate: rate.cellsPerSecond }),
  };
  const label = `${shapeName(connections)} ${rate === undefined ? 'saturated' : rate.name}`;
  return alternate(variants, context.quick ? 3 : 7, context.signal, async (variant, trial) => {
    const result = await runMiddleHop(context, {
      shape,
      warmUpMs: context.quick ? 300 : 1000,
      windowMs: context.quick ? 700 : 3000,
      start: (inner) => (variant === 'bare' ? startBare(inner) : startRelay(inner, variant)),
      ...(context.profile && trial === 0
        ? { during: (hop, ms) => recordProfile(context, `${variant} ${label}`, hop.pid, ms) }
        : {}),
    });
    const text = result.valid ? `${result.figures['usPerCell']?.toFixed(3)} us a cell` : result.reason;
    context.log(`  ${label}, ${variant}: ${text}`);
    return result;
  });
}

/** What made the trials of a saturated case valid: the shares of the median trial. */
function criterion(trials: readonly Trial[]): Notes {
  const figures = trials.flatMap((trial) => (trial.valid ? [trial.figures] : []));
  if (figures.length === 0) return NOTES;
  const percent = (name: string): string =>
    `${(median(figures.map((figure) => figure[name] ?? 0)) * 100).toFixed(0)} %`;
  return {
    ...NOTES,
    'reactor on CPU': percent('busy'),
    'or ready': percent('awake'),
    'input backlogged': percent('blocked'),
  };
}

function saturatedCases(load: Load, trials: Trials): CaseResult[] {
  const cases = VARIANTS.flatMap((variant) => {
    const own = trials[variant];
    if (own === undefined) return [];
    const name = caseName(variant, load, 'cellsPerCpuSecond');
    return [
      summarize(name, 'cells per CPU s', own, 'cellsPerCpuSecond', criterion(own)),
      summarize(caseName(variant, load, 'gbitPerSecond'), 'Gbit/s', own, 'gbitPerSecond', NOTES),
    ];
  });
  const ratios = POLICIES.flatMap((policy) => {
    const own = trials[policy];
    if (own === undefined || trials.bare === undefined) return [];
    const bound = policy === 'kist' && load.connections === 1 ? { 'at least': LEAST_OVER_BARE } : {};
    const notes = { ...NOTES, ...bound };
    return [
      summarizePairs(caseName(policy, load, 'overBare'), 'ratio', own, trials.bare, 'cellsPerCpuSecond', {
        notes,
      }),
    ];
  });
  return [...cases, ...ratios];
}

function rateCases(load: Load, trials: Trials): CaseResult[] {
  return VARIANTS.flatMap((variant) => {
    const own = trials[variant];
    if (own === undefined) return [];
    return [summarize(caseName(variant, load, 'usPerCell'), 'CPU us a cell', own, 'usPerCell', NOTES)];
  });
}

async function run(context: BenchContext): Promise<CaseResult[]> {
  const cases: CaseResult[] = [];
  for (const load of LOADS) {
    const variants = wantedVariants(context, load);
    if (variants.length === 0) continue;
    const trials = await measure(context, load, variants);
    cases.push(...(load.rate === undefined ? saturatedCases(load, trials) : rateCases(load, trials)));
  }
  if (context.wants('relay.scaling.cross0') || context.wants('relay.scaling.cross50')) {
    cases.push(...(await runScaling(context)));
  }
  return cases;
}

export const relayBench: Bench = {
  name: 'relay',
  about: 'cells per CPU second of a middle hop by policy, beside a bare forwarder; two reactors over one',
  run,
};
