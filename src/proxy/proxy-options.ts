import type { Clock } from '../util/clock.js';
import { systemClock } from '../util/clock.js';
import { argumentError } from '../util/errors.js';
import type { Logger } from '../util/logger.js';
import { silentLogger } from '../util/logger.js';
import type { StreamDialer } from './stream-dialer.js';

export interface HttpProxyOptions {
  dialer: StreamDialer;
  /** Address to listen on; 127.0.0.1 unless told. */
  host?: string;
  /** 0 takes any free port. */
  port: number;
  /** How many following ports to try when `port` is in use; 0 unless told. */
  portSearch?: number;
  logger?: Logger;
  clock?: Clock;
  /** Longest wait for a stream, 30 s; then 504. */
  connectTimeoutMs?: number;
  /** Longest silence of a request, an answer or a tunnel, 10 minutes. */
  idleTimeoutMs?: number;
  /** Silence that ends an answer without any length, 60 s: some exits never say that a server closed. */
  endlessAnswerMs?: number;
  /** How long a client's connection may stay without a request, 75 s. */
  clientIdleTimeoutMs?: number;
  /** Client connections at once, 1024. */
  maxConnections?: number;
  /** Largest head of a request or an answer, 64 KiB; then 431 or 502. */
  maxHeaderBytes?: number;
}

export type ResolvedOptions = Required<HttpProxyOptions>;

/** Checks every option and fills in the defaults. */
export function resolveOptions(options: HttpProxyOptions): ResolvedOptions {
  if (typeof options?.dialer?.connect !== 'function') {
    throw argumentError('dialer', 'an object with a connect method', options?.dialer);
  }
  const { host = '127.0.0.1' } = options;
  if (typeof host !== 'string' || host === '') throw argumentError('host', 'a host name or address', host);
  return {
    dialer: options.dialer,
    host,
    port: whole('port', options.port, 0, 65535),
    portSearch: whole('portSearch', options.portSearch ?? 0, 0, 65535),
    logger: options.logger ?? silentLogger(),
    clock: options.clock ?? systemClock,
    connectTimeoutMs: time('connectTimeoutMs', options.connectTimeoutMs ?? 30_000),
    idleTimeoutMs: time('idleTimeoutMs', options.idleTimeoutMs ?? 600_000),
    endlessAnswerMs: time('endlessAnswerMs', options.endlessAnswerMs ?? 60_000),
    clientIdleTimeoutMs: time('clientIdleTimeoutMs', options.clientIdleTimeoutMs ?? 75_000),
    maxConnections: whole('maxConnections', options.maxConnections ?? 1024, 1, 1_000_000),
    maxHeaderBytes: whole('maxHeaderBytes', options.maxHeaderBytes ?? 65_536, 1024, 1_048_576),
  };
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw argumentError(name, `a whole number from ${least} to ${most}`, value);
}

function time(name: string, value: number): number {
  return whole(name, value, 1, 2_147_483_647);
}
