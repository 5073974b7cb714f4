import { TOR_LOG_LEVELS, TorrcError } from '../config/torrc/index.js';
import type { LogTarget, TorLogLevel, TorrcConfig, TorrcNotice } from '../config/torrc/index.js';
import type { Clock } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import { createLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import { readLoggerLine } from './tor-log-line.js';
import { openSink } from './tor-log-sinks.js';
import type { LogOutlets, LogSink } from './tor-log-sinks.js';

type Logging = Pick<
  TorrcConfig,
  'logs' | 'logTimeGranularityMs' | 'truncateLogFile' | 'syslogIdentityTag' | 'runAsDaemon'
>;

interface OpenTarget {
  readonly target: LogTarget;
  readonly sink: LogSink;
}

function upTo(level: TorLogLevel): ReadonlySet<TorLogLevel> {
  return new Set(TOR_LOG_LEVELS.slice(0, TOR_LOG_LEVELS.indexOf(level) + 1));
}

/** Standard output at notice, at warn with `--hush`, nothing with `--quiet` or for a daemon. */
function defaultTargets(quiet: 0 | 1 | 2, runAsDaemon: boolean): LogTarget[] {
  if (quiet === 2 || runAsDaemon) return [];
  const level = quiet === 1 ? 'warn' : 'notice';
  return [{ levels: upTo(level), kind: 'stdout', path: '', text: `${level} stdout` }];
}

const UNCONFIGURED: Logging = {
  logs: [],
  logTimeGranularityMs: 1,
  truncateLogFile: false,
  syslogIdentityTag: undefined,
  runAsDaemon: false,
};

/**
 * The log in C tor's form, by torrc's `Log` lines: to standard output before the configuration is known, then to what
 * it names. Files are opened again at a reload, so that they can be rotated.
 */
export class TorLog {
  /** For the relay: its messages go the same way. */
  readonly logger: Logger;
  readonly #clock: Clock;
  readonly #outlets: LogOutlets;
  readonly #quiet: 0 | 1 | 2;
  #targets: OpenTarget[] = [];
  #seenFiles = new Set<string>();
  #isDebug = false;

  constructor(options: { clock: Clock; outlets: LogOutlets; quiet?: 0 | 1 | 2 }) {
    this.#clock = options.clock;
    this.#outlets = options.outlets;
    this.#quiet = options.quiet ?? 0;
    this.logger = createLogger('debug', {
      write: (json: string) => {
        const { level, text } = readLoggerLine(json);
        this.log(level, text);
      },
    });
    this.configure(UNCONFIGURED);
  }

  log(level: TorLogLevel, text: string): void {
    const date = this.#clock.date();
    for (const { target, sink } of this.#targets)
      if (this.#isDebug || target.levels.has(level)) sink.write(date, level, text);
  }

  notice(text: string): void {
    this.log('notice', text);
  }

  warn(text: string): void {
    this.log('warn', text);
  }

  tell(notices: readonly TorrcNotice[]): void {
    for (const { level, text } of notices) this.log(level, text);
  }

  /**
   * Opens what the configuration names, and closes what was open. Throws TorrcError, with everything as it was, when a
   * file cannot be opened. Ends the debug level of SIGUSR2.
   */
  configure(config: Logging): void {
    const opened: OpenTarget[] = [];
    const targets = config.logs.length === 0 ? defaultTargets(this.#quiet, config.runAsDaemon) : config.logs;
    try {
      for (const target of targets) opened.push({ target, sink: this.#open(target, config) });
    } catch (error) {
      for (const { sink } of opened) sink.close();
      throw error;
    }
    for (const { sink } of this.#targets) sink.close();
    this.#targets = opened;
    this.#isDebug = false;
    this.logger.level = opened.some(({ target }) => target.levels.has('debug')) ? 'trace' : 'debug';
  }

  /** Everything to every log, until the next `configure`. */
  debug(): void {
    this.#isDebug = true;
    this.logger.level = 'trace';
  }

  close(): void {
    for (const { sink } of this.#targets) sink.close();
    this.#targets = [];
  }

  #open(target: LogTarget, config: Logging): LogSink {
    const truncates = config.truncateLogFile && target.kind === 'file' && !this.#seenFiles.has(target.path);
    const options = {
      granularityMs: config.logTimeGranularityMs,
      syslogIdentityTag: config.syslogIdentityTag,
      truncates,
    };
    try {
      const sink = openSink(target, options, this.#outlets);
      if (target.kind === 'file') this.#seenFiles.add(target.path);
      return sink;
    } catch (error) {
      throw new TorrcError(`Couldn't open file for 'Log ${target.text}': ${messageOf(error)}`);
    }
  }
}
