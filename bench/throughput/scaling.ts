import type { BenchContext, CaseResult } from '../support/bench-types.js';
import { alternate, summarize, summarizePairs } from '../support/trials.js';
import type { Trial } from '../support/bench-types.js';

const VARIANTS = ['spin1', 'one', 'two0', 'two50', 'spin2'] as const;
type Variant = (typeof VARIANTS)[number];

const ARGUMENTS: Readonly<Record<Variant, readonly string[]>> = {
  spin1: ['spin', '--threads', '1'],
  spin2: ['spin', '--threads', '2'],
  one: ['reactors', '--threads', '1', '--cross', '0'],
  two0: ['reactors', '--threads', '2', '--cross', '0'],
  two50: ['reactors', '--threads', '2', '--cross', '50'],
};
const BOUNDS = { cross0: 0.85, cross50: 0.7 } as const;
/** Share of the time in which threads stood ready without a CPU: more, and the machine had no room for the trial. */
const MOST_DENIED = 0.1;

async function measure(context: BenchContext, variant: Variant): Promise<Trial> {
  const program = await context.program('reactor_scaling');
  const window = [
    '--warm-up-ms',
    context.quick ? '200' : '500',
    '--window-ms',
    context.quick ? '600' : '2000',
  ];
  const child = context.children.start(program, [...ARGUMENTS[variant], ...window]);
  try {
    const result = await child.next('result', 20_000);
    const fault = result['fault'];
    if (typeof fault === 'string') return { valid: false, reason: fault };
    const perSecond = Number(result['perSecond']);
    const denied = Number(result['denied']);
    const cells = Math.round(perSecond).toLocaleString('en-US');
    context.log(`  scaling, ${variant}: ${cells} cells/s, ${(denied * 100).toFixed(0)} % without a CPU`);
    if (denied > MOST_DENIED) return { valid: false, reason: 'the machine was busy with other work' };
    return { valid: true, figures: { perSecond } };
  } finally {
    await child.end();
  }
}

/** Gain of two over one, pair by pair. */
function gains(two: readonly Trial[], one: readonly Trial[]): Trial[] {
  return two.map((trial, index) => {
    const base = one[index];
    if (base === undefined) return { valid: false, reason: 'the trial did not run' };
    if (!base.valid) return base;
    if (!trial.valid) return trial;
    const gain = (trial.figures['perSecond'] ?? 0) / (base.figures['perSecond'] ?? 0);
    return { valid: true, figures: { gain } };
  });
}

/** Throughput of two reactors over one, as a share of what two spinning threads gain over one. */
export async function runScaling(context: BenchContext): Promise<CaseResult[]> {
  const trials = await alternate(VARIANTS, context.quick ? 3 : 7, context.signal, (variant) =>
    measure(context, variant),
  );
  const spinning = gains(trials.spin2, trials.spin1);
  const shares = (['cross0', 'cross50'] as const).map((name) => {
    const gain = gains(name === 'cross0' ? trials.two0 : trials.two50, trials.one);
    const notes = { transport: 'memory', policy: 'vanilla', 'at least': BOUNDS[name] };
    return summarizePairs(`relay.scaling.${name}`, 'share', gain, spinning, 'gain', { notes });
  });
  const gain = summarize('relay.scaling.spinning', 'ratio', spinning, 'gain');
  return [...shares, gain];
}
