import { LOG_LEVELS } from '../util/logger.js';
import type { Option } from './option.js';
import { MUX_NAMES, SCHEDULER_NAMES } from './relay-config.js';
import type { RelayConfig } from './relay-config.js';
import {
  choice,
  choices,
  hostPort,
  integer,
  ipAddress,
  optional,
  real,
  scaled,
  shortName,
  toggle,
} from './value-kind.js';

type Schema<Keys extends keyof RelayConfig> = { readonly [Key in Keys]: Option<RelayConfig[Key]> };

/** What KISTSchedRunInterval 0 stands for where no consensus says otherwise. */
const DEFAULT_RUN_INTERVAL_MS = 10;

/** C tor refuses to run more often than every 2 ms, too. */
function adjustRunInterval(value: number): { value: number; warning?: string } {
  if (value === 0) return { value: DEFAULT_RUN_INTERVAL_MS };
  if (value !== 1) return { value };
  return { value: 2, warning: 'KISTSchedRunInterval 1 is too short and was raised to 2 ms' };
}

const SCHEDULER_OPTIONS: Schema<
  | 'schedulers'
  | 'schedRunIntervalMs'
  | 'sockBufSizeFactor'
  | 'circuitPriorityHalflifeMs'
  | 'circuitPriorityTickSecs'
  | 'drainWake'
  | 'lightWake'
  | 'fullWake'
  | 'minRunGapMs'
  | 'pacingCap'
> = {
  schedulers: {
    group: 'scheduler',
    kind: choices(SCHEDULER_NAMES),
    flag: '--schedulers',
    argument: 'names',
    torrc: 'Schedulers',
    default: ['kist', 'kist-lite', 'vanilla'],
    help: 'Scheduling policies in order of preference; the first usable one is taken.',
  },
  schedRunIntervalMs: {
    group: 'scheduler',
    kind: integer(0, 100),
    flag: '--sched-run-interval',
    argument: 'ms',
    torrc: 'KISTSchedRunInterval',
    default: DEFAULT_RUN_INTERVAL_MS,
    help: 'Time between two timed scheduler runs. 0 stands for 10; 1 is raised to 2.',
    adjust: adjustRunInterval,
  },
  sockBufSizeFactor: {
    group: 'scheduler',
    kind: real(0, 1000),
    flag: '--sock-buf-size-factor',
    argument: 'factor',
    torrc: 'KISTSockBufSizeFactor',
    default: 1,
    help: 'Share of the congestion window that may wait in the kernel beyond what it can send at once.',
  },
  circuitPriorityHalflifeMs: {
    group: 'scheduler',
    kind: scaled('seconds', 1000, 0.1, 86_400),
    flag: '--circuit-priority-halflife',
    argument: 'seconds',
    torrc: 'CircuitPriorityHalflife',
    default: 30_000,
    help: 'Time after which a cell that a circuit sent counts half (EWMA).',
  },
  circuitPriorityTickSecs: {
    group: 'scheduler',
    kind: integer(1, 600),
    flag: '--circuit-priority-tick-secs',
    argument: 'seconds',
    torrc: 'CircuitPriorityTickSecs',
    default: 10,
    help: 'Accepted for compatibility, without effect: counts are kept on one time base.',
  },
  drainWake: {
    group: 'scheduler',
    kind: toggle(),
    flag: '--no-drain-wake',
    default: true,
    help: 'Switch off early runs when a channel at its write limit has drained.',
  },
  lightWake: {
    group: 'scheduler',
    kind: toggle(),
    flag: '--no-light-wake',
    default: true,
    help: 'Switch off early runs for a circuit lighter than any served in the last run.',
  },
  fullWake: {
    group: 'scheduler',
    kind: toggle(),
    flag: '--no-full-wake',
    default: true,
    help: 'Switch off early runs when a circuit queue is full though its channel has room.',
  },
  minRunGapMs: {
    group: 'scheduler',
    kind: real(0, 100),
    flag: '--min-run-gap',
    argument: 'ms',
    default: 1,
    help: 'Least time between a run and an early run after it.',
  },
  pacingCap: {
    group: 'scheduler',
    kind: toggle(),
    flag: '--pacing-cap',
    default: false,
    help: "Also keep the write limit within the kernel's pacing rate (for BBR).",
  },
};

const ENGINE_OPTIONS: Schema<
  'threads' | 'mux' | 'memoryBudgetBytes' | 'circuitStallMs' | 'streamStallMs' | 'circuitIdleMs'
> = {
  threads: {
    group: 'engine',
    kind: integer(1, 63),
    flag: '--threads',
    argument: 'n',
    torrc: 'NumCPUs',
    default: 1,
    help: 'Reactors, each a thread of its own that moves cells.',
  },
  mux: {
    group: 'engine',
    kind: choice(MUX_NAMES),
    flag: '--mux',
    argument: 'name',
    default: 'ewma',
    help: 'How a channel picks its next circuit: ewma or round-robin.',
  },
  memoryBudgetBytes: {
    group: 'engine',
    kind: optional(scaled('MB', 1_000_000, 16, 1_000_000)),
    flag: '--memory-budget',
    argument: 'mb',
    torrc: 'MaxMemInQueues',
    default: undefined,
    help: 'Bound on all queues and buffers together; above it the circuits with the oldest cells are closed. 40 % of the memory, at most 4 GiB, unless given.',
  },
  circuitStallMs: {
    group: 'engine',
    kind: scaled('seconds', 1000, 1, 86_400),
    flag: '--circuit-stall',
    argument: 'seconds',
    default: 30_000,
    help: 'A circuit whose full queue moved nothing for so long is closed.',
  },
  streamStallMs: {
    group: 'engine',
    kind: scaled('seconds', 1000, 1, 86_400),
    flag: '--stream-stall',
    argument: 'seconds',
    default: 30_000,
    help: 'A stream whose full buffer nobody read from for so long is ended.',
  },
  circuitIdleMs: {
    group: 'engine',
    kind: scaled('seconds', 1000, 0, 604_800),
    flag: '--circuit-idle',
    argument: 'seconds',
    default: 3_600_000,
    help: 'A circuit without any cell for so long is closed; 0 keeps it for ever.',
  },
};

const RELAY_OPTIONS: Schema<
  'registration' | 'bind' | 'proxyBind' | 'routerPort' | 'allowPrivateTargets' | 'congestionControl'
> = {
  registration: {
    group: 'relay',
    kind: hostPort(46101),
    flag: '--registration',
    argument: 'host:port',
    env: 'KIST_RELAY_REGISTRATION',
    default: { host: '127.0.0.1', port: 46101 },
    help: 'The registration service of the network.',
  },
  bind: {
    group: 'relay',
    kind: ipAddress(4),
    flag: '--bind',
    argument: 'address',
    default: '127.0.0.1',
    help: 'Address that the router listens on; 0.0.0.0 for every one.',
  },
  proxyBind: {
    group: 'relay',
    kind: ipAddress(4),
    flag: '--proxy-bind',
    argument: 'address',
    default: '127.0.0.1',
    help: 'Address that the HTTP proxy listens on. It asks nobody for a password.',
  },
  routerPort: {
    group: 'relay',
    kind: integer(0, 65535),
    flag: '--router-port',
    argument: 'port',
    torrc: 'ORPort',
    default: 0,
    help: 'Port that other relays connect to; 0 takes any free one.',
  },
  allowPrivateTargets: {
    group: 'relay',
    kind: toggle(),
    flag: '--allow-private-targets',
    default: false,
    help: 'Let streams exit here to private and loopback addresses.',
  },
  congestionControl: {
    group: 'relay',
    kind: optional(shortName()),
    flag: '--congestion-control',
    argument: 'name',
    default: undefined,
    help: "TCP congestion control of channels; the system's unless named.",
  },
};

const OUTPUT_OPTIONS: Schema<'logLevel' | 'json'> = {
  logLevel: {
    group: 'output',
    kind: choice(LOG_LEVELS),
    flag: '--log-level',
    argument: 'level',
    default: 'warn',
    help: `What is logged to standard error: ${LOG_LEVELS.join(', ')}.`,
  },
  json: {
    group: 'output',
    kind: toggle(),
    flag: '--json',
    default: false,
    help: 'Print JSON lines for programs, statistics every second among them.',
  },
};

/** Every option of the product, once. */
export const SCHEMA: Schema<keyof RelayConfig> = {
  ...SCHEDULER_OPTIONS,
  ...ENGINE_OPTIONS,
  ...RELAY_OPTIONS,
  ...OUTPUT_OPTIONS,
};

/** An option whatever its type, with the name that code uses. */
export type NamedOption = Option<unknown> & { readonly key: keyof RelayConfig };

/** The options in the order of the help. */
export function listOptions(): readonly NamedOption[] {
  return Object.entries(SCHEMA).map(([key, option]) => ({
    ...(option as Option<unknown>),
    key: key as keyof RelayConfig,
  }));
}
