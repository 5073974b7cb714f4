import type { Handle, NativeDataPlane, NativeRelayMessage } from './binding-types.js';
import type { Channel } from './channel.js';
import type { CircuitListener, CloseReason, Side, StreamListener } from './listeners.js';

/** What a circuit needs from the data plane that made it. */
export interface CircuitRegistry {
  readonly native: NativeDataPlane;
  forgetCircuit(circuit: Circuit): void;
}

/**
 * A native circuit by its handle. One of our own has handle 0 until its CREATE was sent. States: new -> usable ->
 * closed; calls after the end do nothing, so a DESTROY in any state is safe for whoever holds it.
 */
export class Circuit {
  listener: CircuitListener | undefined;
  readonly #registry: CircuitRegistry;
  readonly #native: NativeDataPlane;
  readonly #streams = new Map<number, StreamListener>();
  /** Built by this process: a refused CREATE is its end. */
  readonly isOwn: boolean;
  #handle: Handle;
  #isClosed = false;

  constructor(registry: CircuitRegistry, handle: Handle) {
    this.#registry = registry;
    this.#native = registry.native;
    this.#handle = handle;
    this.isOwn = handle === 0;
  }

  get handle(): Handle {
    return this.#handle;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  hasStream(streamId: number): boolean {
    return this.#streams.has(streamId);
  }

  accept(payload: Uint8Array): void {
    if (this.#isUsable()) this.#native.acceptCircuit(this.#handle, payload);
  }

  /**
   * Answers by the handshake of CREATE2 (`type` is HTYPE, `skin` HDATA) or CREATE_FAST (1 and its body); the
   * listener's onAnswered says how it went.
   */
  acceptOnion(type: number, skin: Uint8Array): void {
    if (this.#isUsable()) this.#native.acceptOnion(this.#handle, type, skin);
  }

  refuse(reason: number): void {
    if (!this.#isUsable()) return;
    this.#native.refuseCircuit(this.#handle, reason);
    this.#forget();
  }

  /** A circuit of our own reaches one hop further; `keys` are the 72 bytes that its handshake gave. */
  addHop(keys: Uint8Array): void {
    if (this.#isUsable()) this.#native.addHop(this.#handle, keys);
  }

  hold(): void {
    if (this.#isUsable()) this.#native.holdCircuit(this.#handle);
  }

  extend(channel: Channel, payload: Uint8Array): void {
    if (this.#isUsable()) this.#native.extendCircuit(this.#handle, channel.handle, payload);
  }

  splice(message: NativeRelayMessage): void {
    if (this.#isUsable()) this.#native.spliceCircuit(this.#handle, message);
  }

  unextend(message: NativeRelayMessage): void {
    if (this.#isUsable()) this.#native.unextendCircuit(this.#handle, message);
  }

  sendRelay(message: NativeRelayMessage): void {
    if (this.#isUsable()) this.#native.sendRelay(this.#handle, message);
  }

  injectCell(cell: Uint8Array, fromNext: boolean): void {
    if (this.#isUsable()) this.#native.injectCell(this.#handle, cell, fromNext);
  }

  /** An origin stream: bytes and END that come go to `listener`. */
  openStream(streamId: number, listener: StreamListener): void {
    if (!this.#isUsable()) return;
    this.#streams.set(streamId, listener);
    this.#native.openStream(this.#handle, streamId);
  }

  /** Takes a stream ID for an exit stream before anything is known of its target. */
  reserveStream(streamId: number, listener: StreamListener): void {
    if (this.#isUsable()) this.#streams.set(streamId, listener);
  }

  /** Connects a reserved exit stream to a literal address; CONNECTED is sent by the data plane. */
  connectStream(
    streamId: number,
    host: string,
    port: number,
    timeoutMs: number,
    connected: NativeRelayMessage,
  ): void {
    if (!this.#isUsable() || !this.#streams.has(streamId)) return;
    this.#native.connectStream(this.#handle, streamId, host, port, timeoutMs, connected);
  }

  writeStream(streamId: number, bytes: Uint8Array): void {
    if (this.#isUsable() && this.#streams.has(streamId))
      this.#native.writeStream(this.#handle, streamId, bytes);
  }

  endStream(streamId: number): void {
    if (this.#isUsable() && this.#streams.has(streamId)) this.#native.endStream(this.#handle, streamId);
  }

  /** Drops what waits and forgets the stream: its listener hears nothing more. */
  resetStream(streamId: number): void {
    if (!this.#streams.delete(streamId)) return;
    if (this.#isUsable()) this.#native.resetStream(this.#handle, streamId);
  }

  /** Frees a reserved stream ID that was never connected. */
  releaseStream(streamId: number): void {
    this.#streams.delete(streamId);
  }

  consumed(streamId: number, bytes: number): void {
    if (this.#isUsable() && this.#streams.has(streamId)) this.#native.consumed(this.#handle, streamId, bytes);
  }

  /** DESTROY to each side that exists. Streams hear `requested`; the circuit's listener hears nothing. Idempotent. */
  close(reason = 0): void {
    if (this.#isClosed) return;
    if (this.#handle !== 0) this.#native.closeCircuit(this.#handle, reason);
    this.#forget();
    this.#closeStreams('requested');
  }

  /** By the data plane: CREATE of a circuit of our own was sent. */
  attach(handle: Handle): void {
    this.#handle = handle;
  }

  /** By the data plane. */
  stream(streamId: number): StreamListener | undefined {
    return this.#streams.get(streamId);
  }

  /** By the data plane: the native side forgot this stream. */
  streamClosed(streamId: number, reason: CloseReason): void {
    const listener = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    listener?.onStreamClosed(reason);
  }

  /** By the data plane: the native side forgot this circuit. */
  circuitClosed(reason: CloseReason, side: Side): void {
    if (this.#isClosed) return;
    this.#forget();
    this.#closeStreams(reason);
    this.listener?.onCircuitClosed(reason, side);
  }

  /** By the data plane: acceptOnion's handshake succeeded (`none`), or failed and the circuit is gone. */
  answered(reason: CloseReason, queueDelayUs: number): void {
    if (this.#isClosed) return;
    if (reason !== 'none') this.#forget();
    this.listener?.onAnswered?.(reason === 'none', reason, queueDelayUs);
  }

  /** By the data plane: CREATE of a circuit of our own failed, so it is gone. */
  createFailed(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.#forget();
    this.listener?.onCreateFailed(reason);
  }

  #isUsable(): boolean {
    return !this.#isClosed && this.#handle !== 0;
  }

  #forget(): void {
    this.#isClosed = true;
    this.#registry.forgetCircuit(this);
  }

  #closeStreams(reason: CloseReason): void {
    const listeners = [...this.#streams.values()];
    this.#streams.clear();
    for (const listener of listeners) listener.onStreamClosed(reason);
  }
}
