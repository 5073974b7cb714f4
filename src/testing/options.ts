import type { NativeInfo, NativeTcpInfo } from '../native/binding-types.js';
import { argumentError } from '../util/errors.js';

/** What an operator can set, all of it while running; what is left out keeps its value. */
export interface KitConfig {
  /** `kist` (default), `kist-lite` or `vanilla`. */
  policy?: string;
  /** From the start of one timed run to the start of the next, ms, 0..100 (10). 0 is the default. */
  runIntervalMs?: number;
  /** From the end of any run to an early run, ms, 0..100 (1). */
  minRunGapMs?: number;
  /** A run that takes longer stops and goes on in the next one, ms, 0..1000 (5). See `SchedulerKit.setClockStep`. */
  maxRunMs?: number;
  /** Congestion windows that KIST lets into the kernel beyond the one in flight, 0..1000 (1). */
  sockBufSizeFactor?: number;
  /** After so long a sent cell counts half, ms, 0..1e9 (30,000); less than 100 counts as 100. */
  circuitPriorityHalflifeMs?: number;
  /** Early runs when a kernel buffer drained (true). */
  drainWake?: boolean;
  /** Early runs when a light circuit becomes active (true). */
  lightWake?: boolean;
  fullWake?: boolean;
  /** Bound what the kernel could send now by pacing rate times interval (false). */
  pacingCap?: boolean;
  /** Leave channels whose limit is 0 alone until they drained or a back-off is over (true). */
  parking?: boolean;
}

export interface SchedulerKitOptions extends KitConfig {
  /** Schedulers in lock step, 1..64 (1). Each orders its own channels only, as a relay's reactors do. */
  reactors?: number;
}

/** What the kernel's TCP_INFO (linux/tcp.h) says of a socket. What is left out has the default. */
export interface TcpInfoFigures {
  /** tcpi_snd_cwnd: the congestion window, segments (10). */
  cwnd?: number;
  /** tcpi_unacked: segments in flight (0). */
  unacked?: number;
  /** tcpi_snd_mss: bytes per segment (1448). */
  mss?: number;
  /** tcpi_notsent_bytes: bytes in the socket that were never sent (0). */
  notsent?: number;
  /** tcpi_pacing_rate: bytes per second; 0 is unknown (0). */
  pacingRate?: number;
}

/** `unsupported`: the kernel knows no such figures (EINVAL), for good. `error`: any other failure, this time. */
export type TcpInfoFailure = 'error' | 'unsupported';

/** One line of a TCP_INFO script: what the channel's socket answers from `fromMs` on, until the next line. */
export type TcpInfoEntry =
  | { fromMs: number; info: TcpInfoFigures; error?: never }
  | { fromMs: number; error: TcpInfoFailure; info?: never };

export interface KitChannelOptions {
  /** What the socket answers from the beginning. */
  tcpInfo?: TcpInfoFigures | TcpInfoFailure;
  /** Circuit priority on this channel: `ewma` (default) or `round-robin`. */
  mux?: string;
  /** The scheduler that owns the channel, 0..reactors-1 (0). */
  reactor?: number;
  /** Bytes per write of the outbuf that the kernel takes; left out: everything. */
  kernelTakes?: number;
  /** Length of a cell, bytes, 1..65536 (512, that of Tor61). */
  cellBytes?: number;
  /** Bytes that each record of 16,384 adds on the wire, 0..65536 (0; 22 with TLS 1.3). */
  recordOverhead?: number;
  /** The transport tells when it drained (true). */
  canWatch?: boolean;
  /** The transport knows TCP_NOTSENT_LOWAT (true). */
  canLowat?: boolean;
}

type Check = (name: string, value: unknown) => void;

function inRange(min: number, max: number): Check {
  return (name, value) => void numberArgument(name, value, min, max);
}

function isBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw argumentError(name, 'true or false', value);
}

/** A number that may be a fraction; NaN is none. */
export function numberArgument(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw argumentError(name, `a number from ${min} to ${max}`, value);
}

export function integerArgument(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw argumentError(name, `an integer from ${min} to ${max}`, value);
}

function integerIn(min: number, max: number): Check {
  return (name, value) => void integerArgument(name, value, min, max);
}

function oneOf(allowed: readonly string[]): Check {
  return (name, value) => {
    if (typeof value === 'string' && allowed.includes(value)) return;
    throw argumentError(name, `one of ${allowed.join(', ')}`, value);
  };
}

/** Every field of `options` must be known and pass its check; `name` is what messages call the object. */
function checkFields(name: string, options: object, checks: Readonly<Record<string, Check>>): void {
  if (typeof options !== 'object' || options === null) throw argumentError(name, 'an object', options);
  for (const [field, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, field) ? checks[field] : undefined;
    if (check === undefined) throw argumentError(field, `one of ${Object.keys(checks).join(', ')}`, field);
    if (value !== undefined) check(field, value);
  }
}

const CONFIG_CHECKS: Readonly<Record<string, Check>> = {
  runIntervalMs: inRange(0, 100),
  minRunGapMs: inRange(0, 100),
  maxRunMs: inRange(0, 1000),
  sockBufSizeFactor: inRange(0, 1000),
  circuitPriorityHalflifeMs: inRange(0, 1e9),
  drainWake: isBoolean,
  lightWake: isBoolean,
  fullWake: isBoolean,
  pacingCap: isBoolean,
  parking: isBoolean,
};

export function checkConfig(config: KitConfig, info: NativeInfo): KitConfig {
  checkFields('config', config, { policy: oneOf(info.schedulers), ...CONFIG_CHECKS });
  return config;
}

/** The configuration of one scheduler, and how many there are. */
export function checkKitOptions(options: SchedulerKitOptions, info: NativeInfo): [KitConfig, number] {
  const checks = { policy: oneOf(info.schedulers), reactors: integerIn(1, 64), ...CONFIG_CHECKS };
  checkFields('options', options, checks);
  const { reactors = 1, ...config } = options;
  return [config, reactors];
}

const MAX_UINT32 = 2 ** 32 - 1;
const FIGURE_CHECKS: Readonly<Record<string, Check>> = {
  cwnd: integerIn(0, MAX_UINT32),
  unacked: integerIn(0, MAX_UINT32),
  mss: integerIn(0, MAX_UINT32),
  notsent: integerIn(0, MAX_UINT32),
  pacingRate: inRange(0, 1e18),
};

/** Figures with their defaults, or the failure. */
export function checkTcpInfo(info: TcpInfoFigures | TcpInfoFailure): NativeTcpInfo | TcpInfoFailure {
  if (info === 'error' || info === 'unsupported') return info;
  if (typeof info !== 'object' || info === null) {
    throw argumentError('tcpInfo', "figures, 'error' or 'unsupported'", info);
  }
  checkFields('tcpInfo', info, FIGURE_CHECKS);
  const { cwnd = 10, unacked = 0, mss = 1448, notsent = 0, pacingRate = 0 } = info;
  return { cwnd, unacked, mss, notsent, pacingRate };
}

export function checkEntry(entry: TcpInfoEntry): NativeTcpInfo | TcpInfoFailure {
  checkFields('entries', entry, { fromMs: inRange(0, 9e9), info: () => {}, error: () => {} });
  numberArgument('fromMs', entry.fromMs, 0, 9e9);
  if ((entry.info === undefined) === (entry.error === undefined)) {
    throw argumentError('entries', 'lines with either info or error', JSON.stringify(entry));
  }
  if (entry.error === undefined) return checkTcpInfo(entry.info);
  oneOf(['error', 'unsupported'])('error', entry.error);
  return entry.error;
}

export function checkChannelOptions(
  options: KitChannelOptions,
  info: NativeInfo,
  reactors: number,
): KitChannelOptions {
  checkFields('options', options, {
    tcpInfo: (_, value) => void checkTcpInfo(value as TcpInfoFigures | TcpInfoFailure),
    mux: oneOf(info.muxes),
    reactor: integerIn(0, reactors - 1),
    kernelTakes: integerIn(0, 1e12),
    cellBytes: integerIn(1, 65536),
    recordOverhead: integerIn(0, 65536),
    canWatch: isBoolean,
    canLowat: isBoolean,
  });
  return options;
}
