import type { DataPlaneOptions } from '../../src/index.js';
import type { Bench, BenchContext, CaseResult, Trial } from '../support/bench-types.js';
import { alternate, summarize, summarizePairs } from '../support/trials.js';
import type { Notes } from '../support/trials.js';
import { NarrowLink } from './narrow-link.js';
import type { NarrowLinkOptions } from './narrow-link.js';
import {
  BULK_CIRCUITS,
  LINK_BITS,
  QUIET_BURST,
  QUIET_CIRCUITS,
  QUIET_RATE,
  runQuietTrial,
  SOCKET,
} from './quiet-trial.js';
import type { Place } from './quiet-trial.js';

type Variant = 'vanilla' | 'kist' | 'timedOnly' | 'roundRobin';
const DATA_PLANES: Readonly<Record<Variant, DataPlaneOptions>> = {
  vanilla: { scheduler: { policy: 'vanilla' } },
  kist: { scheduler: { policy: 'kist' } },
  timedOnly: { scheduler: { policy: 'kist', drainWake: false, lightWake: false, fullWake: false } },
  roundRobin: { scheduler: { policy: 'kist' }, mux: 'round-robin' },
};
/** KIST may not buy its delay with throughput: a pair of trials counts from this share of Vanilla's on. */
const LEAST_BULK = 0.95;

/**
 * The queues tried. `shallow`, which the bounds are for, holds 4 ms of the link, less than the windows of the senders
 * would like: what waits, waits at the relay. `deep` holds 8 ms more, `ownDevice` is the shallow one on the relay's own
 * device, where the kernel's small queues hold a socket back and the congestion window does not.
 */
const LINKS: Readonly<Record<'shallow' | 'deep' | 'ownDevice', NarrowLinkOptions>> = {
  shallow: { bitsPerSecond: LINK_BITS, queueBytes: 25_000 },
  deep: { bitsPerSecond: LINK_BITS, queueBytes: 75_000 },
  ownDevice: { bitsPerSecond: LINK_BITS, queueBytes: 25_000, atRelay: true },
};
type LinkName = keyof typeof LINKS;

interface Setting {
  /** In front of the place in case names. */
  readonly prefix: string;
  readonly link: LinkName;
  readonly place: Place;
  readonly variants: readonly Variant[];
}

const SETTINGS: readonly Setting[] = [
  { prefix: '', link: 'shallow', place: 'same', variants: ['vanilla', 'kist', 'timedOnly', 'roundRobin'] },
  { prefix: '', link: 'shallow', place: 'other', variants: ['vanilla', 'kist', 'timedOnly'] },
  { prefix: '', link: 'shallow', place: 'otherReactor', variants: ['vanilla', 'kist', 'timedOnly'] },
  { prefix: 'deep.', link: 'deep', place: 'same', variants: ['vanilla', 'kist'] },
  { prefix: 'ownDevice.', link: 'ownDevice', place: 'same', variants: ['vanilla', 'kist'] },
];

type Trials = Partial<Record<Variant, Trial[]>>;

function notesOf(setting: Setting, isNarrow: boolean): Notes {
  const { bitsPerSecond, queueBytes, atRelay } = LINKS[setting.link];
  const where = atRelay === true ? "the relay's device" : 'a router';
  return {
    link: isNarrow
      ? `veth, tbf ${bitsPerSecond / 1e6} Mbit/s, ${queueBytes} byte drop-tail queue at ${where}`
      : `no namespaces here: SO_MAX_PACING_RATE ${bitsPerSecond / 1e6} Mbit/s a socket, so other channels share nothing`,
    'congestion control': SOCKET.cc,
    mss: SOCKET.mss,
    load: `${BULK_CIRCUITS} bulk circuits; ${QUIET_CIRCUITS} quiet ones, ${QUIET_RATE} bursts/s of ${QUIET_BURST} cells each`,
  };
}

/** Pairs in which the policy kept Vanilla's bulk throughput. */
function atEqualBulk(own: readonly Trial[], vanilla: readonly Trial[]): Trial[] {
  return own.map((trial, index) => {
    const other = vanilla[index];
    if (!trial.valid || other?.valid !== true) return trial;
    const share = (trial.figures['bulkMegabit'] ?? 0) / (other.figures['bulkMegabit'] ?? 0);
    if (share >= LEAST_BULK) return trial;
    return { valid: false, reason: `bulk throughput was ${share.toFixed(2)} of vanilla's` };
  });
}

const difference = (a: number, b: number): number => a - b;

/** What `variant` is called in case names: kist has no name of its own. */
function nameOf(setting: Setting, variant: Variant, figure: string): string {
  const policy = variant === 'kist' ? '' : `${variant}.`;
  return `quiet.${setting.prefix}${setting.place}.${policy}${figure}`;
}

function comparisons(setting: Setting, variant: Variant, trials: Trials, notes: Notes): CaseResult[] {
  const { vanilla = [] } = trials;
  const equal = variant === 'kist' ? atEqualBulk(trials[variant] ?? [], vanilla) : (trials[variant] ?? []);
  const isBound = variant === 'kist' && setting.prefix === '';
  const name = (figure: string): string => nameOf(setting, variant, figure);
  const bound = (most: number): Notes => (isBound ? { ...notes, 'at most': most } : notes);
  if (setting.place !== 'same') {
    const options = { notes: bound(1.5), compare: difference };
    return [summarizePairs(name('p50MinusVanillaMs'), 'ms', equal, vanilla, 'addedP50', options)];
  }
  return [
    summarizePairs(name('p50OverVanilla'), 'ratio', equal, vanilla, 'addedP50', { notes: bound(0.5) }),
    summarizePairs(name('p99OverVanilla'), 'ratio', equal, vanilla, 'addedP99', { notes: bound(1) }),
  ];
}

function casesOf(setting: Setting, trials: Trials, notes: Notes): CaseResult[] {
  const compared = setting.variants.filter((variant) => variant !== 'vanilla');
  const cases = compared.flatMap((variant) => comparisons(setting, variant, trials, notes));
  if (trials.roundRobin !== undefined) {
    const name = nameOf(setting, 'roundRobin', 'p50OverEwma');
    const control = { notes: { ...notes, above: 1 } };
    cases.push(summarizePairs(name, 'ratio', trials.roundRobin, trials.kist ?? [], 'addedP50', control));
  }
  for (const variant of setting.variants) {
    const own = trials[variant] ?? [];
    const samples = own.reduce(
      (sum, trial) => sum + (trial.valid ? (trial.figures['fullSamples'] ?? 0) : 0),
      0,
    );
    const each = (figure: string, unit: string, of: string): CaseResult =>
      summarize(`quiet.${setting.prefix}${setting.place}.${variant}.${figure}`, unit, own, of, {
        ...notes,
        samples,
      });
    cases.push(
      each('addedP50Ms', 'ms', 'addedP50'),
      each('addedP99Ms', 'ms', 'addedP99'),
      each('emptyP50Ms', 'ms', 'emptyP50'),
      each('bulkMegabit', 'Mbit/s', 'bulkMegabit'),
    );
  }
  return cases;
}

async function openLink(context: BenchContext, setting: Setting): Promise<NarrowLink | null> {
  try {
    return await NarrowLink.open(LINKS[setting.link]);
  } catch (error) {
    context.log(
      `  no network namespaces (${error instanceof Error ? error.message.trim() : String(error)}): pacing`,
    );
    return null;
  }
}

async function measure(context: BenchContext, setting: Setting): Promise<CaseResult[]> {
  const link = await openLink(context, setting);
  try {
    if (link === null && setting.prefix !== '') return [];
    const trials = await alternate(
      setting.variants,
      context.quick ? 1 : 5,
      context.signal,
      async (variant) => {
        const trial = await runQuietTrial(context, {
          place: setting.place,
          dataPlane: DATA_PLANES[variant],
          link,
          mustFill: variant !== 'timedOnly',
          emptyMs: context.quick ? 1000 : 2000,
          warmUpMs: context.quick ? 1000 : 1500,
          windowMs: context.quick ? 2000 : 4000,
        });
        const figures: Readonly<Record<string, number>> = trial.valid ? trial.figures : {};
        const ms = (name: string): string => (figures[name] ?? Number.NaN).toFixed(2);
        const text = trial.valid
          ? `p50 ${ms('fullP50')} ms, p99 ${ms('fullP99')} ms, empty ${ms('emptyP50')} ms, bulk ${ms('bulkMegabit')} Mbit/s`
          : trial.reason;
        context.log(`  ${setting.prefix}${setting.place}, ${variant}: ${text}`);
        return trial;
      },
    );
    return casesOf(setting, trials, notesOf(setting, link !== null));
  } finally {
    link?.close();
  }
}

async function run(context: BenchContext): Promise<CaseResult[]> {
  const cases: CaseResult[] = [];
  for (const setting of SETTINGS) {
    const prefix = `quiet.${setting.prefix}${setting.place}`;
    const figures = ['p50OverVanilla', 'p99OverVanilla', 'p50MinusVanillaMs'];
    const names = [prefix, ...setting.variants.flatMap((v) => figures.map((f) => nameOf(setting, v, f)))];
    if (names.some((name) => context.wants(name))) cases.push(...(await measure(context, setting)));
  }
  return cases;
}

export const quietBench: Bench = {
  name: 'quiet',
  about: 'delay of quiet circuits beside bulk ones on a narrow link (as root: veth and tbf), beside vanilla',
  run,
};
