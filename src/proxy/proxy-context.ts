import type { Clock } from '../util/clock.js';
import type { Logger } from '../util/logger.js';
import type { ProxyStats } from './proxy-stats.js';
import type { StreamDialer } from './stream-dialer.js';

/** What every request and tunnel of one proxy shares. */
export interface ProxyContext {
  readonly dialer: StreamDialer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: ProxyStats;
  /** Longest wait for CONNECTED. */
  readonly connectTimeoutMs: number;
  /** Longest silence in both directions of a request or tunnel. */
  readonly idleTimeoutMs: number;
  /** Silence after which an answer whose end only the close of the stream marks counts as complete. */
  readonly endlessAnswerMs: number;
  readonly maxHeaderBytes: number;
  /** Aborted when the proxy closes. */
  readonly closing: AbortSignal;
  /** Whether a target is this very proxy, seen from a client that reached it at `localAddress`. */
  isOwnAddress(host: string, port: number, localAddress: string | undefined): boolean;
}

/** For 'error' events of sockets whose 'close' event tells the whole story. */
export function ignoreError(): void {}
