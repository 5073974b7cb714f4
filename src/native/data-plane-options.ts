import { totalmem } from 'node:os';
import { argumentError } from '../util/errors.js';
import { integerArgument, objectArgument, oneOfArgument } from './arguments.js';
import type { NativeDataPlaneOptions, NativeInfo, NativeSchedulerConfig } from './binding-types.js';

/** Scheduler settings under their names in code; all may be changed while running. */
export type SchedulerOptions = NativeSchedulerConfig;

export interface DataPlaneOptions {
  /** Reactors, each a thread (1). */
  threads?: number;
  /** `epoll` (default): threads. `manual`: none; `step()` turns the reactors. */
  loop?: 'epoll' | 'manual';
  /** Where TCP_INFO comes from: `kernel` (default) or `mock`. */
  tcpInfoSource?: string;
  /** Circuit priority: `ewma` (default) or `round-robin`. */
  mux?: string;
  scheduler?: SchedulerOptions;
  /** Bytes that queues, buffers and undelivered batches may hold in all (40 % of the memory, at most 4 GiB). */
  memoryBudget?: number;
  circuitStallMs?: number;
  streamStallMs?: number;
  circuitIdleMs?: number;
  cellqHigh?: number;
  cellqLow?: number;
  cellqMax?: number;
  /** Threads that answer the circuit handshakes of the dialect `tor` (1); started when first needed. */
  onionThreads?: number;
  /** A circuit handshake that would wait longer for a thread is refused (1750). */
  maxOnionQueueDelayMs?: number;
}

/** Requests are dropped after 5 s in any case. */
export const MAX_ONION_QUEUE_DELAY_MS = 5000;
const GIB = 1024 ** 3;
const DAY_MS = 86_400_000;

function defaultBudget(): number {
  return Math.min(Math.floor(totalmem() * 0.4), 4 * GIB);
}

function numberArgument(name: string, value: unknown, min: number, max: number): void {
  if (typeof value === 'number' && value >= min && value <= max) return;
  throw argumentError(name, `a number from ${min} to ${max}`, value);
}

function booleanArgument(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw argumentError(name, 'a boolean', value);
}

/** Checks a (partial) scheduler configuration; `policies` are the names in the data plane's table. */
export function checkSchedulerOptions(
  options: SchedulerOptions,
  policies: readonly string[],
): SchedulerOptions {
  objectArgument('scheduler', options);
  const present = (name: keyof SchedulerOptions): boolean => options[name] !== undefined;
  if (present('policy')) oneOfArgument('scheduler.policy', options.policy, policies);
  if (present('runIntervalMs')) numberArgument('scheduler.runIntervalMs', options.runIntervalMs, 0, 100);
  if (present('minRunGapMs')) numberArgument('scheduler.minRunGapMs', options.minRunGapMs, 0, 100);
  if (present('sockBufSizeFactor'))
    numberArgument('scheduler.sockBufSizeFactor', options.sockBufSizeFactor, 0, 1000);
  if (present('circuitPriorityHalflifeMs')) {
    numberArgument('scheduler.circuitPriorityHalflifeMs', options.circuitPriorityHalflifeMs, 100, DAY_MS);
  }
  for (const name of ['drainWake', 'lightWake', 'fullWake', 'pacingCap'] as const) {
    if (present(name)) booleanArgument(`scheduler.${name}`, options[name]);
  }
  return options;
}

/** Fills in the defaults of architecture decision 5 and refuses what cannot be, naming it. */
export function resolveDataPlaneOptions(options: DataPlaneOptions, info: NativeInfo): NativeDataPlaneOptions {
  objectArgument('options', options);
  const resolved: NativeDataPlaneOptions = {
    threads: integerArgument('threads', options.threads ?? 1, 1, 63),
    loop: oneOfArgument('loop', options.loop ?? 'epoll', ['epoll', 'manual']),
    tcpInfoSource: oneOfArgument('tcpInfoSource', options.tcpInfoSource ?? 'kernel', info.tcpInfoSources),
    mux: oneOfArgument('mux', options.mux ?? 'ewma', info.muxes),
    scheduler: checkSchedulerOptions({ policy: 'kist', ...options.scheduler }, info.schedulers),
    memoryBudget: integerArgument('memoryBudget', options.memoryBudget ?? defaultBudget(), 1 << 20, 2 ** 50),
    circuitStallMs: integerArgument('circuitStallMs', options.circuitStallMs ?? 30_000, 1, DAY_MS),
    streamStallMs: integerArgument('streamStallMs', options.streamStallMs ?? 30_000, 1, DAY_MS),
    circuitIdleMs: integerArgument('circuitIdleMs', options.circuitIdleMs ?? 3_600_000, 0, 30 * DAY_MS),
    cellqHigh: integerArgument('cellqHigh', options.cellqHigh ?? 256, 1, 1_000_000),
    cellqLow: integerArgument('cellqLow', options.cellqLow ?? 10, 0, 1_000_000),
    cellqMax: integerArgument('cellqMax', options.cellqMax ?? 2500, 1, 10_000_000),
    onionThreads: integerArgument('onionThreads', options.onionThreads ?? 1, 1, 64),
    maxOnionQueueDelayMs: integerArgument(
      'maxOnionQueueDelayMs',
      options.maxOnionQueueDelayMs ?? 1750,
      1,
      MAX_ONION_QUEUE_DELAY_MS,
    ),
  };
  if (resolved.cellqLow >= resolved.cellqHigh) {
    throw argumentError('cellqLow', `below cellqHigh (${resolved.cellqHigh})`, resolved.cellqLow);
  }
  if (resolved.cellqHigh > resolved.cellqMax) {
    throw argumentError('cellqHigh', `at most cellqMax (${resolved.cellqMax})`, resolved.cellqHigh);
  }
  return resolved;
}
