import { closedError } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import { integerArgument } from './arguments.js';
import { loadBinding } from './binding.js';
import type {
  NativeBinding,
  NativeDataPlane,
  NativeEndpoint,
  NativeOnionKeys,
  NativeOwnerStats,
  NativeStats,
  NativeTcpInfo,
} from './binding-types.js';
import type { Channel } from './channel.js';
import { Circuit } from './circuit.js';
import {
  checkSchedulerOptions,
  MAX_ONION_QUEUE_DELAY_MS,
  resolveDataPlaneOptions,
} from './data-plane-options.js';
import type { DataPlaneOptions, SchedulerOptions } from './data-plane-options.js';
import { EventRouter } from './event-router.js';
import type { PendingConnect } from './event-router.js';
import type { AcceptListener, CircuitListener, ConnectListener } from './listeners.js';

const EVENTS_PER_TURN = 256;
const SLOTS_PER_EVENT = 5;
/** The longest a timer can wait. */
const KEEP_ALIVE_MS = 2 ** 31 - 1;

export interface DataPlaneDependencies {
  /** The addon; loaded by binding.ts when left out. */
  binding?: NativeBinding;
  logger?: Logger;
}

/** A listening socket; `close()` is idempotent and leaves accepted channels alone. */
export interface ListenHandle {
  readonly port: number;
  close(): void;
}

/**
 * The reactors in C++ as TypeScript sees them: commands go down at once, events come up through the one pump here,
 * which hands each to the object that its handle names. A flood of events takes 256 of them a turn, so timers and
 * other sockets keep their share. Many relays may share one data plane; each takes an owner number for its counters.
 *
 * States: running -> closed. It keeps the process alive only while something listens, connects or is connected. It
 * never decides anything: listeners do.
 */
export class DataPlane {
  readonly #native: NativeDataPlane;
  readonly #router: EventRouter;
  readonly #policies: readonly string[];
  readonly #onExit = (): void => this.#native.close();
  #nextToken = 1;
  #isPumping = false;
  #isClosed = false;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(options: DataPlaneOptions = {}, dependencies: DataPlaneDependencies = {}) {
    const binding = dependencies.binding ?? loadBinding();
    const info = binding.info();
    const resolved = resolveDataPlaneOptions(options, info);
    this.#policies = info.schedulers;
    this.#native = new binding.DataPlane(resolved, () => this.#onEvents());
    this.#router = new EventRouter(this.#native, dependencies.logger ?? silentLogger());
    // One listener a data plane is no leak, however many there are.
    const most = process.getMaxListeners();
    if (most > 0 && process.listenerCount('exit') >= most) process.setMaxListeners(most + 1);
    process.on('exit', this.#onExit);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** A new account for counters; see `ownerStats`. */
  addOwner(): number {
    return this.#open().addOwner();
  }

  /** Listens at once; throws an Error with a `code` such as EADDRINUSE when it cannot. */
  listen(endpoint: NativeEndpoint, listener: AcceptListener): ListenHandle {
    const opened = this.#open().listen(endpoint);
    this.#router.listeners.set(opened.listener, listener);
    this.#holdProcess();
    const close = (): void => {
      if (!this.#router.listeners.delete(opened.listener)) return;
      this.#native.closeListener(opened.listener);
      this.#holdProcess();
    };
    return { port: opened.port, close };
  }

  /**
   * Keeps a certificate (DER) and its private key (DER, PKCS #8) for endpoints of the transport `tls`; returns its
   * number for `tlsIdentity`. Throws an Error with the code ERR_KIST_TLS_IDENTITY when they cannot be used.
   */
  addTlsIdentity(certificateDer: Uint8Array, privateKeyDer: Uint8Array): number {
    return this.#open().addTlsIdentity(certificateDer, privateKeyDer);
  }

  /** From the next connection on this certificate is shown; connections that stand keep theirs. */
  replaceTlsIdentity(identity: number, certificateDer: Uint8Array, privateKeyDer: Uint8Array): void {
    this.#open().replaceTlsIdentity(identity, certificateDer, privateKeyDer);
  }

  /** The keys with which circuits on the channels of `owner` are answered from now on (`circuit.acceptOnion`). */
  setOnionKeys(owner: number, keys: NativeOnionKeys): void {
    this.#open().setOnionKeys(owner, keys);
  }

  /** Circuit handshakes that would wait longer for a thread are refused from now on. */
  setMaxOnionQueueDelay(delayMs: number): void {
    const checked = integerArgument('delayMs', delayMs, 1, MAX_ONION_QUEUE_DELAY_MS);
    this.#open().setMaxOnionQueueDelay(checked);
  }

  /** Connects; the answer goes to `listener` unless the returned function, which gives up, was called before. */
  connect(endpoint: NativeEndpoint, timeoutMs: number, listener: ConnectListener, reactor = -1): () => void {
    const native = this.#open();
    const token = this.#takeToken();
    const pending: PendingConnect = { listener, isCancelled: false };
    this.#router.connects.set(token, pending);
    try {
      native.connect(token, endpoint, timeoutMs, reactor);
    } catch (error) {
      this.#router.connects.delete(token);
      throw error;
    }
    this.#holdProcess();
    return () => void (pending.isCancelled = true);
  }

  /** Sends CREATE of a circuit of our own on an open channel. */
  createCircuit(channel: Channel, payload: Uint8Array, listener: CircuitListener): Circuit {
    const native = this.#open();
    const token = this.#takeToken();
    const circuit = new Circuit(this.#router, 0);
    circuit.listener = listener;
    this.#router.creations.set(token, circuit);
    native.createCircuit(token, channel.handle, payload);
    return circuit;
  }

  /** Changes any of the scheduler's settings while running. */
  configureScheduler(options: SchedulerOptions): void {
    this.#open().configureScheduler(checkSchedulerOptions(options, this.#policies));
  }

  stats(): NativeStats {
    return this.#open().stats();
  }

  ownerStats(owner: number): NativeOwnerStats | undefined {
    return this.stats().owners.find((stats) => stats.owner === owner);
  }

  /** Manual loop only: turns every reactor up to `nowNs`, then hands out all that happened. */
  step(nowNs: number): void {
    this.#open().step(nowNs);
    while (this.#drainOnce()) continue;
  }

  /** Manual loop only: when something is due next, in nanoseconds, or -1. */
  nextWake(): number {
    return this.#open().nextWake();
  }

  /** Manual loop and source `mock` only: figures for a channel (undefined: for all) from a time on. */
  setTcpInfo(channel: Channel | undefined, fromNs: number, info: NativeTcpInfo | null): void {
    this.#open().setTcpInfo(channel?.handle ?? 0, fromNs, info);
  }

  /** Stops and joins the threads; everything still open ends with the reason `shutdown`. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    process.removeListener('exit', this.#onExit);
    this.#native.close();
    this.#router.closeAll();
    this.#holdProcess();
  }

  #open(): NativeDataPlane {
    if (this.#isClosed) throw closedError('the data plane');
    return this.#native;
  }

  #takeToken(): number {
    const token = this.#nextToken;
    this.#nextToken = token === 0x7fffffff ? 1 : token + 1;
    return token;
  }

  #onEvents(): void {
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    this.#pump();
  }

  /** One turn's share; what is left waits for the next turn of Node's loop. */
  #pump(): void {
    if (!this.#isClosed && this.#drainOnce()) {
      setImmediate(() => this.#pump());
      return;
    }
    this.#isPumping = false;
  }

  /** True when there may be more. */
  #drainOnce(): boolean {
    if (this.#isClosed) return false;
    const slots = this.#native.drain(EVENTS_PER_TURN);
    this.#router.dispatch(slots);
    if (slots.length > 0) this.#holdProcess();
    return slots.length >= EVENTS_PER_TURN * SLOTS_PER_EVENT;
  }

  #holdProcess(): void {
    const { listeners, channels, connects } = this.#router;
    const isBusy = !this.#isClosed && listeners.size + channels.size + connects.size > 0;
    if (isBusy && this.#keepAlive === undefined) {
      // It measures no time: it only has to exist.
      // oxlint-disable-next-line no-restricted-globals
      this.#keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    } else if (!isBusy && this.#keepAlive !== undefined) {
      clearInterval(this.#keepAlive);
      this.#keepAlive = undefined;
    }
  }
}
