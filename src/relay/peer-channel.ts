import type { LinkHandshake, LinkSecrets, LinkStep, PeerId } from '../dialect/control-dialect.js';
import type { Channel } from '../native/channel.js';
import type { Circuit } from '../native/circuit.js';
import type { ChannelListener, CloseReason } from '../native/listeners.js';
import type { Clock, ClockTimer } from '../util/clock.js';
import { KistError, timeoutError } from '../util/errors.js';

/** A circuit's half on this channel. */
export interface CircuitHalf {
  readonly circuit: Circuit;
  /** Cells on this half come from the next hop. */
  readonly fromNext: boolean;
}

/** What a channel tells its manager. */
export interface PeerChannelOwner {
  onOpen(channel: PeerChannel): void;
  /** `error` is why the handshake failed, or undefined when the channel was open or nobody is to blame. */
  onEnd(channel: PeerChannel, error: KistError | undefined): void;
  onCircuitCreate(channel: PeerChannel, circuit: Circuit, circId: number, cell: Buffer): void;
  onUnknownCell(channel: PeerChannel, circId: number, cell: Buffer): void;
}

export interface PeerChannelInit {
  readonly channel: Channel;
  readonly handshake: LinkHandshake;
  /** `address:port` of the far end. */
  readonly address: string;
  readonly isOpener: boolean;
  readonly openTimeoutMs: number;
  /** An open channel without circuits is closed after so long; 0: never. */
  readonly idleMs: number;
  readonly clock: Clock;
  readonly owner: PeerChannelOwner;
}

/**
 * A channel to a peer: handshake -> open -> ended. Carries out the steps of its dialect's link handshake, with a
 * deadline of its own, knows the circuits' halves on it by circuit ID, and closes itself when none used it for long.
 */
export class PeerChannel implements ChannelListener {
  readonly channel: Channel;
  readonly address: string;
  readonly isOpener: boolean;
  readonly #init: PeerChannelInit;
  readonly #halves = new Map<number, CircuitHalf>();
  #peerId: PeerId | undefined;
  #error: KistError | undefined;
  #isOpen = false;
  #hasEnded = false;
  #timer: ClockTimer | undefined;

  constructor(init: PeerChannelInit) {
    this.channel = init.channel;
    this.address = init.address;
    this.isOpener = init.isOpener;
    this.#init = init;
    init.channel.listener = this;
  }

  /** Begins the handshake. */
  start(): void {
    const what = `${this.isOpener ? 'OPEN to' : 'the connection from'} ${this.address}`;
    this.#arm(this.#init.openTimeoutMs, () => this.#fail(timeoutError(what, this.#init.openTimeoutMs)));
    this.#carryOut(this.#init.handshake.start());
  }

  /** Undefined before it is open. */
  get peerId(): PeerId | undefined {
    return this.#peerId;
  }

  /** Whether the peer is who a target says, as far as both know the key. */
  hasKey(ed25519Identity: Uint8Array | undefined): boolean {
    const proven = this.#init.handshake.ed25519Identity;
    if (ed25519Identity === undefined || proven === undefined) return true;
    return Buffer.compare(ed25519Identity, proven) === 0;
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#hasEnded;
  }

  get circuitCount(): number {
    return this.#halves.size;
  }

  half(circId: number): CircuitHalf | undefined {
    return this.#halves.get(circId);
  }

  addHalf(circId: number, half: CircuitHalf): void {
    this.#halves.set(circId, half);
    if (this.isOpen) this.#timer?.cancel();
  }

  /** Only the circuit that has the ID now can take it back. */
  removeHalf(circId: number, circuit: Circuit): void {
    if (this.#halves.get(circId)?.circuit !== circuit) return;
    this.#halves.delete(circId);
    if (this.#halves.size === 0) this.#armIdle();
  }

  /** The channel was asked for: it stays for another idle time. */
  touch(): void {
    if (this.#halves.size === 0) this.#armIdle();
  }

  close(): void {
    this.channel.close();
  }

  onLinkCell(command: number, circId: number, cell: Buffer): void {
    if (this.#hasEnded) return;
    this.#goOn(this.#init.handshake.receive(command, circId, cell));
  }

  onLinkExported(secrets: LinkSecrets | undefined): void {
    const step = this.#hasEnded ? undefined : this.#init.handshake.exported?.(secrets);
    if (step !== undefined) this.#goOn(step);
  }

  onCircuitCreate(circuit: Circuit, circId: number, cell: Buffer): void {
    if (this.isOpen) this.#init.owner.onCircuitCreate(this, circuit, circId, cell);
    else circuit.refuse(0);
  }

  onUnknownCell(circId: number, cell: Buffer): void {
    if (this.isOpen) this.#init.owner.onUnknownCell(this, circId, cell);
  }

  onChannelClosed(reason: CloseReason, errno: number): void {
    if (this.#hasEnded) return;
    const detail = errno === 0 ? reason : `${reason}, errno ${errno}`;
    if (this.isOpener && !this.#isOpen) {
      this.#error ??= new KistError('ERR_KIST_CHANNEL', `${this.address} closed before OPENED (${detail})`);
    }
    this.#end();
  }

  /** A step that answers a link cell, which stays held while the link's secrets are asked for. */
  #goOn(step: LinkStep): void {
    this.#carryOut(step);
    if (this.#hasEnded) return;
    // After `open`, so that a CREATE in the same segment finds an open channel.
    if (step.exportContext === undefined) this.channel.releaseLinkCell();
    else this.channel.exportLink(step.exportContext);
  }

  #carryOut(step: LinkStep): void {
    if (step.send !== undefined) this.channel.sendLinkCell(step.send);
    if (step.error !== undefined) this.#error = step.error;
    if (step.outcome === 'close') return this.#fail(step.error);
    if (step.outcome === 'open') return this.#open(step.peerId ?? '');
    if (step.graceMs !== undefined) this.#arm(step.graceMs, () => this.#fail(this.#error));
  }

  #open(peerId: PeerId): void {
    this.#isOpen = true;
    this.#peerId = peerId;
    this.#error = undefined;
    this.channel.open(this.#init.handshake.isInitiator);
    this.#timer?.cancel();
    this.#armIdle();
    this.#init.owner.onOpen(this);
  }

  #fail(error: KistError | undefined): void {
    this.#error = error;
    this.channel.close();
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#init.owner.onEnd(this, this.#error);
  }

  #arm(ms: number, action: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#init.clock.setTimeout(action, ms);
  }

  #armIdle(): void {
    if (this.isOpen && this.#init.idleMs > 0) this.#arm(this.#init.idleMs, () => this.close());
  }
}
