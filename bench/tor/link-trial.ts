import type { BenchContext, Trial } from '../support/bench-types.js';
import { sleep } from '../support/sleep.js';
import { loadFigures } from './bulk-trial.js';
import type { SmallDownload, Tested } from './scene-messages.js';
import type { Scene } from './scene.js';

export const LINK_BITS = 50_000_000;
/** 51 ms of the link. */
export const LINK_QUEUE_BYTES = 320_000;
export const LINK_CIRCUITS = 50;
export const SMALL_BYTES = 50 * 1024;
/** The link must be the limit: only then do queues stand where the scheduler decides. */
export const LEAST_FULL = 0.98;
const AT_ONCE = 2;
/** Of the small downloads; those of C tor's relays too fail at times. */
const LEAST_DONE = 0.9;

export interface LinkShape {
  readonly relay: Tested;
  readonly warmUpMs: number;
  readonly downloads: number;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function smallFigures(downloads: readonly SmallDownload[]): Record<string, number> {
  const of = (name: keyof SmallDownload, share: number): number =>
    quantile(
      downloads.map((download) => download[name]),
      share,
    );
  return {
    ttfbP50: of('firstByteMs', 0.5),
    ttfbP95: of('firstByteMs', 0.95),
    ttlbP50: of('lastByteMs', 0.5),
    ttlbP95: of('lastByteMs', 0.95),
    buildP50: of('buildMs', 0.5),
    connectP50: of('connectMs', 0.5),
    done: downloads.length,
  };
}

/** Small downloads beside bulk ones through a relay whose egress is narrow. */
export async function runLink(context: BenchContext, scene: Scene, shape: LinkShape): Promise<Trial> {
  const { relay, warmUpMs, downloads } = shape;
  try {
    await scene.startBulk(relay, LINK_CIRCUITS);
    await scene.narrow(relay, LINK_BITS, LINK_QUEUE_BYTES);
    await sleep(warmUpMs, context.signal);
    const before = await scene.sample(relay);
    const done = await scene.small(relay, downloads, AT_ONCE, SMALL_BYTES);
    const after = await scene.sample(relay);
    const figures = { ...loadFigures(before, after), ...smallFigures(done) };
    const { ttfbP50 = 0, ttfbP95 = 0, buildP50 = 0, linkMegabit = 0, mbPerSecond = 0 } = figures;
    const full = (linkMegabit * 1e6) / LINK_BITS;
    context.log(
      `  link50, ${relay}: first byte ${ttfbP50.toFixed(0)} ms (p50), ${ttfbP95.toFixed(0)} ms (p95) of ${done.length}, ` +
        `build ${buildP50.toFixed(0)} ms, link ${(full * 100).toFixed(1)} % full, bulk ${mbPerSecond.toFixed(2)} MB/s`,
    );
    if (full < LEAST_FULL) return { valid: false, reason: `the link was ${(full * 100).toFixed(1)} % full` };
    if (after.running < LINK_CIRCUITS) return { valid: false, reason: 'bulk downloads ended early' };
    if (done.length < downloads * LEAST_DONE)
      return { valid: false, reason: `${downloads - done.length} of ${downloads} small downloads failed` };
    return { valid: true, figures };
  } finally {
    await scene.stopBulk();
    await scene.widen();
  }
}
