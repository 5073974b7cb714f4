import { EventEmitter } from 'node:events';
import type { RelayRecord } from '../discovery/discovery.js';
import { abortReason, pause, Waiter, withDeadline } from '../relay/waiter.js';
import { Backoff } from '../util/backoff.js';
import { argumentError, closedError, codeOf, KistError, messageOf, timeoutError } from '../util/errors.js';
import { buildPath, buildRandom } from './circuit-builder.js';
import type { BuildOptions } from './circuit-builder.js';
import type { OriginCircuit } from './origin-circuit.js';
import type { OriginStream } from './origin-stream.js';
import { resolveOriginOptions } from './origin-options.js';
import type { OriginOptions, ResolvedOriginOptions } from './origin-options.js';

export interface OriginStats {
  /** Names of the current circuit's routers in order; empty without one. */
  path: string[];
  circuitsBuilt: number;
  buildsFailed: number;
  circuitsLost: number;
  streamsOpened: number;
  streamsFailed: number;
  openStreams: number;
  lastFailure: string | undefined;
}

interface OriginEvents {
  /** A circuit is ready; its routers in order. */
  circuit: [path: readonly RelayRecord[]];
  /** The current circuit closed; another is being built. */
  lost: [error: KistError];
  /** An attempt at a circuit failed; another follows after a while. */
  failed: [error: Error];
}

/**
 * Keeps one good circuit for a proxy or program: building -> ready -> lost -> building, with back-off, until closed.
 * Every attempt begins with a fresh relay list. Requests without a circuit wait for one, bounded; streams of a lost
 * circuit get ERR_KIST_CIRCUIT_CLOSED, and a request whose BEGIN had no answer yet is tried once on the next circuit.
 */
export class Origin extends EventEmitter<OriginEvents> {
  readonly #options: ResolvedOriginOptions;
  readonly #abort = new AbortController();
  readonly #waiting = new Set<Waiter<OriginCircuit>>();
  readonly #stats = {
    circuitsBuilt: 0,
    buildsFailed: 0,
    circuitsLost: 0,
    streamsOpened: 0,
    streamsFailed: 0,
  };
  #circuit: OriginCircuit | undefined;
  #silentBegins = 0;
  #lastError: Error | undefined;
  #running: Promise<void> | undefined;

  constructor(options: OriginOptions) {
    super();
    this.#options = resolveOriginOptions(options);
  }

  /** The circuit in use. */
  get circuit(): OriginCircuit | undefined {
    return this.#circuit;
  }

  stats(): OriginStats {
    return {
      path: this.#circuit?.path.map((hop) => hop.name) ?? [],
      ...this.#stats,
      openStreams: this.#circuit?.streamCount ?? 0,
      lastFailure: this.#lastError?.message,
    };
  }

  /** Begins to build; returns at once. Idempotent. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** The current circuit, or the next one. Rejects with ERR_KIST_NO_CIRCUIT, which names the cause, in `circuitWaitMs`. */
  async ready(signal?: AbortSignal): Promise<OriginCircuit> {
    if (this.#abort.signal.aborted) throw closedError('the origin');
    if (this.#circuit !== undefined) return this.#circuit;
    const { circuitWaitMs: ms, clock } = this.#options;
    const waiter = new Waiter<OriginCircuit>({ what: 'a circuit', ms, clock, signal });
    this.#waiting.add(waiter);
    try {
      return await waiter.promise;
    } catch (error) {
      if (codeOf(error) !== 'ERR_KIST_TIMEOUT') throw error;
      const why = this.#lastError === undefined ? 'it is still being built' : this.#lastError.message;
      throw new KistError(
        'ERR_KIST_NO_CIRCUIT',
        `no circuit within ${ms} ms: ${why}`,
        'peer',
        this.#lastError,
      );
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** A stream to `target` over the current circuit: what a proxy calls its dialer. */
  async connect(
    target: { host: string; port: number },
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<OriginStream> {
    const circuit = await this.ready(signal);
    try {
      return await this.#open(circuit, target, signal);
    } catch (error) {
      // The circuit died under it and the exit never answered: once more, on a new one.
      if (codeOf(error) !== 'ERR_KIST_CIRCUIT_CLOSED' || signal?.aborted === true) throw error;
      return await this.#open(await this.ready(signal), target, signal);
    }
  }

  /** A circuit over exactly these relays, besides the kept one; the caller closes it. */
  async buildCircuit(path: readonly RelayRecord[], signal?: AbortSignal): Promise<OriginCircuit> {
    if (!Array.isArray(path) || path.length === 0)
      throw argumentError('path', 'a list of at least one relay', path);
    const attempt = this.#attempt(signal);
    try {
      return await buildPath(path, this.#buildOptions(attempt.signal));
    } finally {
      attempt.release();
    }
  }

  /** Closes the circuit, rejects what waits, stops building. Idempotent. */
  async close(): Promise<void> {
    const error = closedError('the origin');
    this.#abort.abort(error);
    for (const waiter of this.#waiting) waiter.reject(error);
    this.#circuit?.close();
    await this.#running;
  }

  async #open(
    circuit: OriginCircuit,
    target: { host: string; port: number },
    signal: AbortSignal | undefined,
  ): Promise<OriginStream> {
    try {
      const stream = await circuit.openStream(target.host, target.port, signal);
      this.#silentBegins = 0;
      this.#stats.streamsOpened++;
      return stream;
    } catch (error) {
      this.#stats.streamsFailed++;
      if (circuit === this.#circuit) this.#judge(circuit, error);
      throw error;
    }
  }

  /** Any answer shows that the circuit works; several BEGINs in a row without one, that it does not. */
  #judge(circuit: OriginCircuit, error: unknown): void {
    if (codeOf(error) === 'ERR_KIST_STREAM_REFUSED') this.#silentBegins = 0;
    if (codeOf(error) !== 'ERR_KIST_TIMEOUT') return;
    this.#silentBegins++;
    if (this.#silentBegins < this.#options.maxSilentBegins) return;
    this.#options.logger.warn(
      `origin: ${this.#silentBegins} streams in a row had no answer, the circuit is given up`,
    );
    circuit.close();
  }

  async #run(): Promise<void> {
    const { retryMs, maxRetryMs, random, clock, logger } = this.#options;
    const { signal } = this.#abort;
    const backoff = new Backoff({ initialMs: retryMs, maxMs: maxRetryMs, random });
    while (!signal.aborted) {
      try {
        const circuit = await this.#build();
        const since = clock.now();
        await this.#keep(circuit);
        // A circuit that dies at once must not be rebuilt in a tight loop.
        if (clock.now() - since > maxRetryMs) backoff.reset();
        await pause(backoff.next(), clock, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#stats.buildsFailed++;
        this.#lastError = error instanceof Error ? error : new Error(messageOf(error));
        logger.warn(`origin: ${messageOf(error)}`);
        this.#emit('failed', this.#lastError);
        await pause(backoff.next(), clock, signal).catch(() => undefined);
      }
    }
  }

  /** Announces the circuit and waits for its end. */
  async #keep(circuit: OriginCircuit): Promise<void> {
    const lost = new Promise<KistError>((resolve) => circuit.onClosed(resolve));
    if (!circuit.isClosed) {
      this.#circuit = circuit;
      this.#silentBegins = 0;
      this.#stats.circuitsBuilt++;
      this.#lastError = undefined;
      this.#options.logger.info(`origin: circuit ${circuit.path.map((hop) => hop.name).join(' ')}`);
      this.#emit('circuit', circuit.path);
      for (const waiter of this.#waiting) waiter.resolve(circuit);
      this.#waiting.clear();
    }
    if (this.#abort.signal.aborted) circuit.close();
    const error = await lost;
    this.#circuit = undefined;
    if (this.#abort.signal.aborted) return;
    this.#stats.circuitsLost++;
    this.#lastError = error;
    this.#options.logger.warn(`origin: circuit lost: ${error.message}`);
    this.#emit('lost', error);
  }

  async #build(): Promise<OriginCircuit> {
    const { discovery, buildTimeoutMs: ms, clock, selfId, length, random } = this.#options;
    const attempt = this.#attempt();
    const { signal } = attempt;
    const timer = clock.setTimeout(() => attempt.abort(timeoutError('building a circuit', ms)), ms);
    try {
      const relays = await withDeadline(discovery.relays(), { what: 'the relay list', ms, clock, signal });
      if (signal.aborted) throw abortReason(signal, 'the origin');
      return await buildRandom({ ...this.#buildOptions(signal), relays, selfId, length, random });
    } finally {
      timer.cancel();
      attempt.release();
    }
  }

  /** A signal aborted with the origin and with `other`. Unlike AbortSignal.any's it leaves nothing there once released. */
  #attempt(other?: AbortSignal): {
    signal: AbortSignal;
    abort: (reason: Error) => void;
    release: () => void;
  } {
    const controller = new AbortController();
    const sources = other === undefined ? [this.#abort.signal] : [this.#abort.signal, other];
    const onAbort = (): void => {
      controller.abort(sources.find((source) => source.aborted)?.reason);
    };
    for (const source of sources) source.addEventListener('abort', onAbort);
    if (sources.some((source) => source.aborted)) onAbort();
    return {
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
      release: () => sources.forEach((source) => source.removeEventListener('abort', onAbort)),
    };
  }

  #buildOptions(signal: AbortSignal): BuildOptions {
    const { channels, clock, createTimeoutMs, extendTimeoutMs, streamTimeoutMs, hopDelayMs, logger } =
      this.#options;
    return { channels, clock, createTimeoutMs, extendTimeoutMs, streamTimeoutMs, hopDelayMs, logger, signal };
  }

  /** A listener that throws must not end the keeping of circuits. */
  #emit<K extends keyof OriginEvents>(event: K, ...args: OriginEvents[K]): void {
    try {
      (this.emit as (name: K, ...values: OriginEvents[K]) => boolean).call(this, event, ...args);
    } catch (error) {
      this.#options.logger.error({ err: error }, `origin: a listener of '${event}' failed`);
    }
  }
}
