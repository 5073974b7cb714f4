import type { Clock, ClockTimer } from '../util/clock.js';
import type { HandshakeCounts, RelayStatus } from './runnable-relay.js';

/** `3 days 4:05 hours`. */
export function formatUptime(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const days = Math.floor(minutes / 1440);
  const hours = `${Math.floor((minutes % 1440) / 60)}:${String(minutes % 60).padStart(2, '0')} hours`;
  if (days === 0) return hours;
  return `${days} ${days === 1 ? 'day' : 'days'} ${hours}`;
}

/** `512 kB`, `3.50 MB`, `1.25 GB`, each unit 1024 of the one before. */
export function formatBytes(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.floor(bytes / 1024)} kB`;
  if (bytes < 2 ** 30) return `${(bytes / 2 ** 20).toFixed(2)} MB`;
  return `${(bytes / 2 ** 30).toFixed(2)} GB`;
}

function since(now: HandshakeCounts, before: HandshakeCounts | undefined): string {
  const answered = now.answered - (before?.answered ?? 0);
  const requested = now.requested - (before?.requested ?? 0);
  return `${answered}/${requested}`;
}

/** The lines of one heartbeat, in C tor's words: operators' tools look for them. */
export function heartbeatLines(
  status: RelayStatus,
  before: RelayStatus | undefined,
  uptimeSeconds: number,
): string[] {
  const { circuits, bytesSent, bytesReceived, connections: made, handshakes } = status;
  const lines = [
    `Heartbeat: Tor's uptime is ${formatUptime(uptimeSeconds)}, with ${circuits} circuits open. ` +
      `I've sent ${formatBytes(bytesSent)} and received ${formatBytes(bytesReceived)}. ` +
      `I've received ${made.receivedIPv4} connections on IPv4 and ${made.receivedIPv6} on IPv6. ` +
      `I've made ${made.initiatedIPv4} connections with IPv4 and ${made.initiatedIPv6} with IPv6.`,
    `Circuit handshake stats since last time: ${since(handshakes.tap, before?.handshakes.tap)} TAP, ` +
      `${since(handshakes.ntor, before?.handshakes.ntor)} NTor, ` +
      `${since(handshakes.ntorV3, before?.handshakes.ntorV3)} NTor (v3).`,
  ];
  if (status.isInConsensus === false)
    lines.push('Heartbeat: It seems like we are not in the cached consensus.');
  return lines;
}

/** What a timer of Node can wait; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface HeartbeatOptions {
  readonly clock: Clock;
  /** 0: never. */
  readonly periodMs: number;
  readonly status: () => RelayStatus;
  readonly tell: (lines: readonly string[]) => void;
}

/** Tells in regular intervals that, and how, the relay lives. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #startedAt: number;
  #periodMs: number;
  #before: RelayStatus | undefined;
  #timer: ClockTimer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#periodMs = options.periodMs;
    this.#arm();
  }

  /** Now, and the period begins anew. */
  beat(): void {
    const { status: read, clock, tell } = this.#options;
    const status = read();
    tell(heartbeatLines(status, this.#before, (clock.now() - this.#startedAt) / 1000));
    this.#before = status;
    this.#arm();
  }

  setPeriod(periodMs: number): void {
    if (periodMs === this.#periodMs) return;
    this.#periodMs = periodMs;
    this.#arm();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#periodMs <= 0) return;
    const waitMs = Math.min(this.#periodMs, MAX_TIMER_MS);
    this.#timer = this.#options.clock.setTimeout(() => this.beat(), waitMs);
  }
}
