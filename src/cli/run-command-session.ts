import { loadTorrc } from '../config/torrc/index.js';
import type { LoadedTorrc, TorrcConfig, TorrcSources } from '../config/torrc/index.js';
import { CloseStack } from '../network/close-stack.js';
import type { Clock } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import { productVersion } from './command-context.js';
import { Heartbeat } from './heartbeat.js';
import { MetricsPorts } from './run-command-metrics.js';
import { PidFile } from './run-command-pid-file.js';
import { accountToBecome, becomeAccount, prepareFolders } from './run-command-user.js';
import type { RelayFactory, RunnableRelay } from './runnable-relay.js';
import { ServiceNotify } from './service-notify.js';
import { RelaySignals } from './signals.js';
import type { SignalSource } from './signals.js';
import { withinStopTimeout } from './stop-signal.js';
import type { TorLog } from './tor-log.js';
import type { LogOutlets } from './tor-log-sinks.js';

/** Added to ShutdownWaitLength when the service manager is told how long a stop may take. */
const STOP_MARGIN_MS = 30_000;
const DRAIN_CHECK_MS = 500;

export interface SessionOptions {
  readonly loaded: LoadedTorrc;
  /** To read again at a reload. */
  readonly sources: TorrcSources;
  readonly log: TorLog;
  readonly factory: RelayFactory;
  readonly clock: Clock;
  readonly signals: SignalSource;
  readonly outlets: LogOutlets;
}

/**
 * One relay from its configuration to its end: starting -> running (reloads, statistics) -> draining (after INT, at
 * most ShutdownWaitLength) -> stopped. Driven by signals alone; the service manager is told of each step.
 */
export class RelaySession {
  readonly #options: SessionOptions;
  readonly #log: TorLog;
  readonly #clock: Clock;
  readonly #notify: ServiceNotify;
  readonly #closing = new CloseStack();
  readonly #stop: Promise<void>;
  #requestStop: () => void = () => undefined;
  #isStopping = false;
  #isRunning = false;
  #loaded: LoadedTorrc;
  #relay: RunnableRelay | undefined;
  #metrics: MetricsPorts | undefined;
  #heartbeat: Heartbeat | undefined;
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#loaded = options.loaded;
    const { env, sendDatagram } = options.outlets;
    this.#notify = new ServiceNotify({
      env,
      clock: options.clock,
      sendDatagram,
      onFailure: (reason) => this.#log.warn(`The service manager cannot be told what happens: ${reason}`),
    });
    this.#stop = new Promise((resolve) => {
      this.#requestStop = () => {
        this.#isStopping = true;
        resolve();
      };
    });
  }

  /** Resolves when the relay was stopped as asked. Rejects, with everything closed, when it cannot start. */
  async run(): Promise<void> {
    const signals = this.#listenToSignals();
    this.#closing.add(() => this.#notify.close());
    try {
      const starting = this.#start();
      // A start that a signal overtakes may still fail; nobody needs to hear of it then.
      starting.catch(() => undefined);
      await Promise.race([starting, this.#stop]);
      await this.#stop;
      await this.#reloading;
    } finally {
      await withinStopTimeout(this.#closing.close()).catch((error: unknown) =>
        this.#log.warn(messageOf(error)),
      );
      signals.close();
    }
  }

  get #config(): TorrcConfig {
    return this.#loaded.config;
  }

  /** In C tor's order: what needs root, then the change of account, then logs and keys. */
  async #start(): Promise<void> {
    const config = this.#config;
    const account = accountToBecome(config);
    this.#notify.mainPid();
    if (account === undefined) this.#openLogs();
    if (config.pidFile !== undefined) {
      const file = new PidFile(config.pidFile, (text) => this.#log.warn(text));
      this.#closing.add(() => file.close());
    }
    prepareFolders(config, account);
    const relay = await this.#makeRelay();
    await this.#metrics?.configure(config);
    await relay.bind?.();
    if (account !== undefined) {
      becomeAccount(account);
      // Opened as root, a log file could not be opened again later.
      this.#openLogs();
    }
    if (this.#isStopping) return;
    await relay.start();
    if (this.#isStopping) return;
    this.#isRunning = true;
    this.#startHeartbeat(relay);
    this.#notify.ready('Running');
  }

  #openLogs(): void {
    this.#log.configure(this.#config);
    this.#log.notice(`kist-relay ${productVersion()} running on Linux with Node ${process.versions.node}.`);
    this.#log.tell(this.#loaded.notices);
    if (this.#config.runAsDaemon)
      this.#log.notice(
        'RunAsDaemon 1: this relay stays in the foreground, for a service manager to look after.',
      );
  }

  async #makeRelay(): Promise<RunnableRelay> {
    const { factory, clock } = this.#options;
    const relay = await factory(this.#config, { logger: this.#log.logger, clock });
    this.#relay = relay;
    this.#closing.add(() => relay.stop());
    const metrics = new MetricsPorts({ log: this.#log, clock, source: relay.metrics() });
    this.#metrics = metrics;
    this.#closing.add(() => metrics.close());
    return relay;
  }

  #startHeartbeat(relay: RunnableRelay): void {
    const heartbeat = new Heartbeat({
      clock: this.#clock,
      periodMs: this.#config.heartbeatPeriodMs,
      status: () => relay.stats(),
      tell: (lines) => {
        for (const line of lines) this.#log.notice(line);
        this.#notify.status((lines[0] ?? '').replace('Heartbeat: ', ''));
      },
    });
    this.#heartbeat = heartbeat;
    this.#closing.add(() => heartbeat.close());
  }

  #listenToSignals(): RelaySignals {
    return new RelaySignals(this.#options.signals, {
      reload: () => {
        this.#reloading = this.#reloading.then(() => this.#reload());
      },
      shutDown: () => void this.#drain(),
      exitNow: (signal) => {
        this.#log.notice(
          signal === 'INT'
            ? 'SIGINT received a second time; exiting now.'
            : 'Catching signal TERM, exiting cleanly.',
        );
        this.#requestStop();
      },
      dump: () => this.#dump(),
      debug: () => {
        this.#log.notice('Switching to loglevel debug.  Send HUP to change back.');
        this.#log.debug();
      },
    });
  }

  #dump(): void {
    this.#log.notice('Dumping stats:');
    if (!this.#isRunning) this.#log.notice('The relay has not started yet.');
    else for (const line of this.#relay?.dump() ?? []) this.#log.notice(line);
  }

  /** Lets circuits go on for ShutdownWaitLength; shorter when the last one is gone. */
  async #drain(): Promise<void> {
    const waitMs = this.#config.shutdownWaitLengthMs;
    this.#log.notice(
      `Interrupt: we have stopped accepting new connections, and will shut down in ${waitMs / 1000} seconds. ` +
        'Interrupt again to exit now.',
    );
    this.#notify.stopping(waitMs + STOP_MARGIN_MS);
    this.#relay?.beginStopping();
    const end = this.#clock.now() + waitMs;
    while (this.#hasCircuits() && this.#clock.now() < end)
      await this.#pause(Math.min(DRAIN_CHECK_MS, end - this.#clock.now()));
    this.#log.notice('Clean shutdown finished. Exiting.');
    this.#requestStop();
  }

  /** A relay that has not started yet has none to wait for. */
  #hasCircuits(): boolean {
    return this.#isRunning && (this.#relay?.stats().circuits ?? 0) > 0;
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setTimeout(resolve, ms));
  }

  /** Reads the files again. What cannot be used is refused as a whole: the old configuration goes on. */
  async #reload(): Promise<void> {
    this.#log.notice('Received reload signal (hup). Reloading config and resetting internal state.');
    this.#notify.reloading();
    try {
      const loaded = loadTorrc(this.#options.sources);
      refuseChanges(this.#loaded, loaded);
      this.#log.configure(loaded.config);
      this.#log.tell(loaded.notices);
      await this.#metrics?.configure(loaded.config);
      await this.#relay?.reload(loaded.config);
      this.#heartbeat?.setPeriod(loaded.config.heartbeatPeriodMs);
      this.#loaded = loaded;
    } catch (error) {
      await this.#goBack();
      this.#log.warn(`Failed to parse/validate config: ${messageOf(error)}`);
      this.#log.warn('Reload refused: the configuration that was in use stays in use.');
    }
    this.#notify.ready();
  }

  /** As it was before the reload, but for log files: they are opened again in any case, being rotated perhaps. */
  async #goBack(): Promise<void> {
    try {
      this.#log.configure(this.#config);
      await this.#metrics?.configure(this.#config);
    } catch (error) {
      this.#log.warn(messageOf(error));
    }
  }
}

/** Throws for what only a restart can change. */
function refuseChanges(old: LoadedTorrc, loaded: LoadedTorrc): void {
  const [name] = old.values.fixedDifferences(loaded.values);
  if (name !== undefined)
    loaded.values.refuse(name, `While the relay is running, changing "${name}" is not allowed.`);
  if (loaded.config.orPorts.length === 0) loaded.values.refuse('ORPort', NO_OR_PORT);
}

export const NO_OR_PORT =
  'ORPort is not set: this is a relay only, and without an ORPort it has nothing to do.';
