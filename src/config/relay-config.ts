import type { LogLevel } from '../util/logger.js';
import type { HostPort } from './value-kind.js';

export const SCHEDULER_NAMES = ['kist', 'kist-lite', 'vanilla'] as const;
export type SchedulerName = (typeof SCHEDULER_NAMES)[number];
export const MUX_NAMES = ['ewma', 'round-robin'] as const;
export type MuxName = (typeof MUX_NAMES)[number];

/** Every setting of a relay and of the commands around it. `schema.ts` describes each. */
export interface RelayConfig {
  /** Policies in order of preference: the first usable one is taken. */
  readonly schedulers: readonly SchedulerName[];
  /** Time between two timed runs. */
  readonly schedRunIntervalMs: number;
  readonly sockBufSizeFactor: number;
  readonly circuitPriorityHalflifeMs: number;
  /** Accepted without effect: EWMA counts here need no ticks. */
  readonly circuitPriorityTickSecs: number;
  readonly drainWake: boolean;
  readonly lightWake: boolean;
  readonly fullWake: boolean;
  readonly minRunGapMs: number;
  readonly pacingCap: boolean;

  /** Reactors, each a thread. */
  readonly threads: number;
  readonly mux: MuxName;
  /** undefined: by the machine's memory. */
  readonly memoryBudgetBytes: number | undefined;
  readonly circuitStallMs: number;
  readonly streamStallMs: number;
  /** 0: never. */
  readonly circuitIdleMs: number;

  readonly registration: HostPort;
  /** The address that the router listens on. */
  readonly bind: string;
  /** The address that the HTTP proxy listens on: apart, so that joining a network opens it to nobody. */
  readonly proxyBind: string;
  /** 0: any free port. */
  readonly routerPort: number;
  readonly allowPrivateTargets: boolean;
  /** undefined: the system's. */
  readonly congestionControl: string | undefined;

  readonly logLevel: LogLevel;
  readonly json: boolean;
}
