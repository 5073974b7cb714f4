import type { StreamTarget } from '../dialect/control-dialect.js';
import type { NativeRelayMessage } from '../native/binding-types.js';
import type { Circuit } from '../native/circuit.js';
import type { CloseReason, StreamListener } from '../native/listeners.js';
import { closedError, KistError } from '../util/errors.js';
import type { ControlCounters } from './counters.js';
import { describeErrno } from './errno.js';
import type { Resolver } from './resolver.js';
import { abortReason } from './waiter.js';

/** Where streams may go; judges literal addresses only. */
export interface AddressPolicy {
  /** False: no streams end here at all. */
  readonly isEnabled: boolean;
  allows(address: string, port: number): boolean;
}

/** An address that could not be reached: `errno` says why, 0 for the deadline. */
export class ConnectError extends KistError {
  readonly errno: number;
  /** `ECONNREFUSED` and the like. */
  readonly errnoName: string;

  constructor(address: string, port: number, errno: number) {
    const errnoName = describeErrno(errno);
    super('ERR_KIST_CONNECT', `${address}:${port}: ${errnoName}`);
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/** What the exit streams of one relay share. */
export interface ExitContext {
  readonly policy: AddressPolicy;
  readonly resolver: Resolver;
  /** For each address tried. */
  readonly connectTimeoutMs: number;
  /** Addresses of a name that are tried in turn. */
  readonly maxAddresses: number;
  readonly counters: ControlCounters;
}

/**
 * One exit stream: resolving -> connecting (each allowed address in turn) -> joined -> closed. Bytes never come
 * here: once joined, the data plane moves them between the socket and the circuit, ends included.
 */
export class ExitStream implements StreamListener {
  readonly #circuit: Circuit;
  readonly #streamId: number;
  readonly #context: ExitContext;
  readonly #onGone: () => void;
  readonly #abort = new AbortController();
  #settle: ((errno: number | undefined) => void) | undefined;

  /** `onGone` is called once when the stream ID is free again, however it ended. */
  constructor(circuit: Circuit, streamId: number, context: ExitContext, onGone: () => void) {
    this.#circuit = circuit;
    this.#streamId = streamId;
    this.#context = context;
    this.#onGone = onGone;
    circuit.reserveStream(streamId, this);
  }

  /**
   * Rejects with KistError when no allowed address could be reached. When it resolves, the message that `connected`
   * made for the address was sent.
   */
  async connect(target: StreamTarget, connected: (address: string) => NativeRelayMessage): Promise<void> {
    const addresses = await this.#addresses(target);
    let error = new KistError('ERR_KIST_CONNECT', `${target.host} has no address`);
    for (const address of addresses) {
      if (this.#abort.signal.aborted) throw abortReason(this.#abort.signal, 'the stream');
      const errno = await this.#tryAddress(address, target.port, connected(address));
      if (errno === undefined) return;
      error = new ConnectError(address, target.port, errno);
    }
    throw error;
  }

  /** The origin gave up, or the circuit did: what is under way ends, and END is sent if a socket was joined. */
  cancel(): void {
    this.#abort.abort(closedError('the stream'));
    this.#circuit.resetStream(this.#streamId);
    this.#settle?.(0);
    this.#onGone();
  }

  /** The connection failed: the ID is free, nothing is sent by this. */
  release(): void {
    this.#circuit.releaseStream(this.#streamId);
    this.#onGone();
  }

  onStreamConnected(): void {
    this.#settle?.(undefined);
  }

  onStreamConnectFailed(errno: number): void {
    this.#settle?.(errno);
  }

  onStreamClosed(_reason: CloseReason): void {
    this.#abort.abort(closedError('the stream'));
    this.#settle?.(0);
    this.#onGone();
  }

  /** Every address is judged by itself; only those allowed are ever connected to. */
  async #addresses(target: StreamTarget): Promise<readonly string[]> {
    const { policy, resolver, maxAddresses } = this.#context;
    if (!policy.isEnabled) throw new KistError('ERR_KIST_EXIT_POLICY', 'this relay is no exit');
    const all = await resolver.resolve(target.host, this.#abort.signal);
    const allowed = all.filter((address) => policy.allows(address, target.port));
    if (allowed.length === 0) {
      throw new KistError('ERR_KIST_EXIT_POLICY', `the exit policy refuses ${target.host}:${target.port}`);
    }
    return allowed.slice(0, maxAddresses);
  }

  /** Undefined when connected, else the errno; the data plane keeps the deadline. */
  #tryAddress(address: string, port: number, connected: NativeRelayMessage): Promise<number | undefined> {
    return new Promise((resolve) => {
      this.#settle = (errno) => {
        this.#settle = undefined;
        resolve(errno);
      };
      this.#circuit.connectStream(this.#streamId, address, port, this.#context.connectTimeoutMs, connected);
      if (this.#circuit.isClosed) this.#settle?.(0);
    });
  }
}
