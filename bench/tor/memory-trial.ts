import { existsSync } from 'node:fs';
import type { BenchContext, CaseResult, Trial } from '../support/bench-types.js';
import { sleep } from '../support/sleep.js';
import { alternate, summarize, summarizePairs } from '../support/trials.js';
import { residentBytes } from './process-times.js';
import type { Scene } from './scene.js';

const KINDS = ['ours', 'ctor'] as const;
/** What is paid once, such as tables that grow, is paid by the first of them. */
const FEW = 100;
const MANY = 1100;
const MOST_BYTES_PER_CHANNEL = 32_768;
/** C tor's relay with DirCache 0 less so much is what ours may take beyond Node itself. */
const CTOR_LESS_MB = 10;

/** Resident megabytes of a Node that does nothing. */
export async function bareNodeMb(context: BenchContext): Promise<number> {
  const idle = 'process.stdin.resume(); process.stdin.on("end", () => process.exit(0))';
  const child = context.children.start(process.execPath, ['-e', idle]);
  await sleep(2000, context.signal);
  const resident = residentBytes(child.pid) / 1e6;
  await child.end();
  return resident;
}

/** C tor holds its GeoIP files in memory, some 30 MB, where Debian's package tor-geoipdb has put them. */
function ctorNote(): string {
  return existsSync('/usr/share/tor/geoip')
    ? 'DirCache 0, with GeoIP files'
    : 'DirCache 0, no GeoIP files here';
}

/** From the trials with 50 bulk circuits: what ours takes beyond Node itself, and that beside C tor's. */
export function residentCases(ours: readonly Trial[], ctor: readonly Trial[], nodeMb: number): CaseResult[] {
  const beyondNode = ours.map((trial): Trial => {
    if (!trial.valid) return trial;
    return { valid: true, figures: { residentMb: (trial.figures['residentMb'] ?? 0) - nodeMb } };
  });
  const prefix = 'torMiddle.memory.bulk50';
  const notes = { 'bare Node': `${nodeMb.toFixed(1)} MB`, ctor: ctorNote() };
  return [
    summarize(`${prefix}.oursLessNode`, 'MB', beyondNode, 'residentMb', notes),
    summarize(`${prefix}.ctor`, 'MB', ctor, 'residentMb', notes),
    summarizePairs(`${prefix}.oursLessNodeMinusCtor`, 'MB', beyondNode, ctor, 'residentMb', {
      notes: { ...notes, 'at most': -CTOR_LESS_MB },
      compare: (a, b) => a - b,
    }),
  ];
}

/** Bytes that one more idle TLS channel takes, each trial in a fresh relay. */
export async function idleChannelCases(context: BenchContext, scene: Scene): Promise<CaseResult[]> {
  const name = (kind: (typeof KINDS)[number]): string => `torMiddle.memory.idleChannel.${kind}`;
  const kinds = KINDS.filter((kind) => context.wants(name(kind)));
  const trials = await alternate(kinds, context.quick ? 1 : 3, context.signal, async (kind) => {
    const { fewBytes, manyBytes } = await scene.channelMemory(kind, FEW, MANY);
    const bytes = (manyBytes - fewBytes) / (MANY - FEW);
    const megabytes = (manyBytes / 1e6).toFixed(1);
    context.log(`  idle channels, ${kind}: ${bytes.toFixed(0)} bytes each, ${megabytes} MB with ${MANY}`);
    return { valid: true, figures: { bytes } };
  });
  return kinds.map((kind) =>
    summarize(name(kind), 'bytes', trials[kind], 'bytes', {
      channels: `${FEW} to ${MANY}`,
      ...(kind === 'ours' ? { 'at most': MOST_BYTES_PER_CHANNEL } : {}),
    }),
  );
}
