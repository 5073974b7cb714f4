import type { BenchContext, Trial } from '../support/bench-types.js';
import { sleep } from '../support/sleep.js';
import { recordProfile } from '../throughput/profile.js';
import type { LoadSample, Tested } from './scene-messages.js';
import type { Scene } from './scene.js';

const GIB = 1024 ** 3;

export interface BulkShape {
  readonly relay: Tested;
  readonly circuits: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly isProfiled: boolean;
}

/** Figures of the time between two samples. */
export function loadFigures(before: LoadSample, after: LoadSample): Record<string, number> {
  const seconds = (after.nowNs - before.nowNs) / 1e9;
  const payload = after.payloadBytes - before.payloadBytes;
  const others = after.machineSeconds - before.machineSeconds - (after.sceneSeconds - before.sceneSeconds);
  return {
    cpuSecondsPerGiB: ((after.cpuSeconds - before.cpuSeconds) / payload) * GIB,
    mbPerSecond: payload / 1e6 / seconds,
    busy: (after.cpuSeconds - before.cpuSeconds) / seconds,
    residentMb: after.residentBytes / 1e6,
    /** CPU share of other work on the machine, in CPUs. */
    others: Math.max(0, others / seconds),
    linkMegabit: ((after.linkBytes - before.linkBytes) * 8) / 1e6 / seconds,
  };
}

/** Bulk circuits through one relay; every one of them must run to the end of the window. */
export async function runBulk(context: BenchContext, scene: Scene, shape: BulkShape): Promise<Trial> {
  const { relay, circuits, warmUpMs, windowMs, isProfiled } = shape;
  const title = `${relay}, ${circuits} circuits`;
  try {
    await scene.startBulk(relay, circuits);
    await sleep(warmUpMs, context.signal);
    const before = await scene.sample(relay);
    const profile = isProfiled ? recordProfile(context, title, scene.pidOf(relay), windowMs) : undefined;
    await sleep(windowMs, context.signal);
    const after = await scene.sample(relay);
    await profile;
    const figures = loadFigures(before, after);
    const { cpuSecondsPerGiB = 0, mbPerSecond = 0, busy = 0, residentMb = 0, others = 0 } = figures;
    context.log(
      `  ${title}: ${cpuSecondsPerGiB.toFixed(2)} CPU s/GiB, ${mbPerSecond.toFixed(1)} MB/s, ` +
        `${(busy * 100).toFixed(0)} % of a CPU (others ${(others * 100).toFixed(0)} %), RSS ${residentMb.toFixed(1)} MB`,
    );
    if (after.running === circuits) return { valid: true, figures };
    return { valid: false, reason: `${circuits - after.running} of ${circuits} downloads ended early` };
  } finally {
    await scene.stopBulk();
  }
}
