import { execFile } from 'node:child_process';
import type { Clock, ClockTimer } from '../util/clock.js';
import type { DatagramSender } from './tor-log-sinks.js';

export interface ServiceNotifyOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Without it the program `systemd-notify` is run for each message. */
  readonly sendDatagram?: DatagramSender | undefined;
  /** Told once, when messages cannot be sent. */
  readonly onFailure?: (reason: string) => void;
}

const PROGRAM = 'systemd-notify';
const PROGRAM_TIMEOUT_MS = 5000;

/**
 * Tells the service manager what happens (sd_notify(3)), if there is one: the socket is in `NOTIFY_SOCKET`. Messages
 * arrive in order; one that fails is passed over. Half of `WATCHDOG_USEC` is the interval of the watchdog's signs.
 */
export class ServiceNotify {
  readonly #options: ServiceNotifyOptions;
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  #sending: Promise<void> = Promise.resolve();
  #watchdog: ClockTimer | undefined;
  #hasFailed = false;

  constructor(options: ServiceNotifyOptions) {
    this.#options = options;
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdog, WATCHDOG_PID: pid } = options.env;
    this.#socket = socket === undefined || !/^[/@]/.test(socket) ? undefined : socket;
    const isMeant = pid === undefined || pid === String(process.pid);
    const interval = Number(watchdog);
    this.#watchdogMs = isMeant && interval > 0 ? Math.max(1, interval / 2000) : undefined;
  }

  /** Ready for work: also after a reload. The watchdog's signs begin with the first. */
  ready(status?: string): void {
    this.#send(['READY=1', ...(status === undefined ? [] : [`STATUS=${status}`])]);
    if (this.#watchdog === undefined) this.#armWatchdog();
  }

  mainPid(): void {
    this.#send([`MAINPID=${process.pid}`]);
  }

  reloading(): void {
    this.#send(['RELOADING=1', `MONOTONIC_USEC=${Math.floor(this.#options.clock.now() * 1000)}`]);
  }

  /** A stop has begun that may take so long, without counting as hung. */
  stopping(mayTakeMs: number): void {
    this.#send(['STOPPING=1', `EXTEND_TIMEOUT_USEC=${Math.round(mayTakeMs * 1000)}`]);
  }

  status(text: string): void {
    this.#send([`STATUS=${text}`]);
  }

  /** Resolves when everything was sent, or given up. */
  async close(): Promise<void> {
    this.#watchdog?.cancel();
    this.#watchdog = undefined;
    await this.#sending;
  }

  #armWatchdog(): void {
    if (this.#watchdogMs === undefined || this.#socket === undefined) return;
    this.#watchdog = this.#options.clock.setTimeout(() => {
      this.#send(['WATCHDOG=1']);
      this.#armWatchdog();
    }, this.#watchdogMs);
  }

  #send(lines: readonly string[]): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const clean = lines.map((line) => line.replaceAll('\n', ' '));
    const { sendDatagram } = this.#options;
    if (sendDatagram === undefined) this.#sending = this.#sending.then(() => this.#run(socket, clean));
    else if (!sendDatagram(socket, Buffer.from(clean.join('\n')))) this.#fail(`cannot write to ${socket}`);
  }

  async #run(socket: string, lines: readonly string[]): Promise<void> {
    const env = { ...this.#options.env, NOTIFY_SOCKET: socket };
    await new Promise<void>((resolve) => {
      execFile(PROGRAM, [...lines], { env, timeout: PROGRAM_TIMEOUT_MS }, (error) => {
        if (error !== null) this.#fail(`${PROGRAM}: ${error.message}`);
        resolve();
      });
    });
  }

  #fail(reason: string): void {
    if (!this.#hasFailed) this.#options.onFailure?.(reason);
    this.#hasFailed = true;
  }
}
