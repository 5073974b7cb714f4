/** What an operator asks of a running relay by a signal. */
export interface SignalHandlers {
  /** HUP. */
  reload(): void;
  /** The first INT: finish what runs. */
  shutDown(): void;
  /** A second INT, or TERM. */
  exitNow(signal: 'INT' | 'TERM'): void;
  /** USR1: statistics to the log. */
  dump(): void;
  /** USR2: everything to the log. */
  debug(): void;
}

/** `process`, or a test's stand-in. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** Listens to the signals of C tor, until closed. PIPE and XFSZ are ignored: the write that failed says so itself. */
export class RelaySignals {
  readonly #source: SignalSource;
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[];

  constructor(source: SignalSource, handlers: SignalHandlers) {
    this.#source = source;
    let interrupts = 0;
    const onInterrupt = (): void => {
      interrupts += 1;
      if (interrupts === 1) handlers.shutDown();
      else handlers.exitNow('INT');
    };
    const nothing = (): void => undefined;
    this.#listeners = [
      ['SIGHUP', () => handlers.reload()],
      ['SIGINT', onInterrupt],
      ['SIGTERM', () => handlers.exitNow('TERM')],
      ['SIGUSR1', () => handlers.dump()],
      ['SIGUSR2', () => handlers.debug()],
      ['SIGPIPE', nothing],
      ['SIGXFSZ', nothing],
    ];
    for (const [signal, listener] of this.#listeners) source.on(signal, listener);
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) this.#source.off(signal, listener);
  }
}
