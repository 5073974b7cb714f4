import type { BenchContext, CaseResult } from '../support/bench-types.js';
import { alternate, summarizePairs } from '../support/trials.js';
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
const LEAST_BUSY = 0.9;

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
    context.log(`  scaling, ${variant}: ${Math.round(perSecond).toLocaleString('en-US')} cells/s`);
    return { valid: true, figures: { perSecond, busy: Number(result['busy']) } };
  } finally {
    await child.end();
  }
}

/** Gain of two over one, pair by pair. */
function gains(two: readonly Trial[], one: readonly Trial[], checkBusy: boolean): Trial[] {
  return two.map((trial, index) => {
    const base = one[index];
    if (base === undefined || !base.valid || !trial.valid) {
      return trial.valid ? (base ?? { valid: false, reason: 'the trial did not run' }) : trial;
    }
    const busy = Math.min(trial.figures['busy'] ?? 0, base.figures['busy'] ?? 0);
    // A reactor that is denied its core is not busy either: the spinning threads' gain stands for that.
    if (checkBusy && busy < LEAST_BUSY) {
      return { valid: false, reason: `a reactor was awake only ${(busy * 100).toFixed(0)} % of the time` };
    }
    return {
      valid: true,
      figures: { gain: (trial.figures['perSecond'] ?? 0) / (base.figures['perSecond'] ?? 0) },
    };
  });
}

/** Throughput of two reactors over one, as a share of what two spinning threads gain over one. */
export async function runScaling(context: BenchContext): Promise<CaseResult[]> {
  const trials = await alternate(VARIANTS, context.quick ? 3 : 7, context.signal, (variant) =>
    measure(context, variant),
  );
  const spinning = gains(trials.spin2, trials.spin1, false);
  const shares = (['cross0', 'cross50'] as const).map((name) => {
    const gain = gains(name === 'cross0' ? trials.two0 : trials.two50, trials.one, true);
    const notes = { transport: 'memory', 'at least': BOUNDS[name] };
    return summarizePairs(`relay.scaling.${name}`, 'share', gain, spinning, 'gain', { notes });
  });
  return shares;
}
