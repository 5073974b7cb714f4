import type { Logger } from '../util/logger.js';
import { CLOSE_REASONS, EVENT, SIDES } from './binding-types.js';
import type { Handle, NativeDataPlane, NativeEventSlot } from './binding-types.js';
import { Channel } from './channel.js';
import { Circuit } from './circuit.js';
import type { AcceptListener, CloseReason, ConnectListener, LinkSecrets, Side } from './listeners.js';

export interface PendingConnect {
  readonly listener: ConnectListener;
  isCancelled: boolean;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function reasonOf(index: number): CloseReason {
  return CLOSE_REASONS[index] ?? 'none';
}

function sideOf(index: number): Side {
  return SIDES[index] ?? 'here';
}

/** Three byte strings, each after its length in two bytes. */
function readLinkSecrets(data: Buffer): LinkSecrets {
  let at = 0;
  const next = (): Buffer => {
    const start = at + 2;
    at = start + data.readUInt16BE(at);
    return data.subarray(start, at);
  };
  return { exported: next(), ownCertificate: next(), peerCertificate: next() };
}

/**
 * Knows which object stands behind each handle and token, and hands it its events. What names something unknown is
 * dropped: commands and events cross, so the other side may not have heard yet.
 */
export class EventRouter {
  readonly native: NativeDataPlane;
  readonly channels = new Map<Handle, Channel>();
  readonly circuits = new Map<Handle, Circuit>();
  readonly listeners = new Map<number, AcceptListener>();
  readonly connects = new Map<number, PendingConnect>();
  readonly creations = new Map<number, Circuit>();
  readonly #logger: Logger;

  constructor(native: NativeDataPlane, logger: Logger) {
    this.native = native;
    this.#logger = logger;
  }

  /** Hands out a flat batch of events. A listener that throws is our bug: logged, and the others go on. */
  dispatch(slots: readonly NativeEventSlot[]): void {
    for (let i = 0; i + 4 < slots.length; i += 5) {
      try {
        this.#event(
          slots[i] as number,
          slots[i + 1] as number,
          slots[i + 2] as number,
          slots[i + 3] as number,
          slots[i + 4],
        );
      } catch (error) {
        this.#logger.error({ err: error, event: slots[i] }, 'data plane: an event handler failed');
      }
    }
  }

  forgetCircuit(circuit: Circuit): void {
    if (circuit.handle !== 0) this.circuits.delete(circuit.handle);
  }

  /** Everything known ends with `shutdown`, innermost first. */
  closeAll(): void {
    for (const circuit of [...this.circuits.values()]) circuit.circuitClosed('shutdown', 'here');
    for (const circuit of [...this.creations.values()]) circuit.createFailed('shutdown');
    for (const channel of [...this.channels.values()]) this.#channelClosed(channel, 'shutdown', 0);
    for (const pending of [...this.connects.values()]) {
      if (!pending.isCancelled) pending.listener.onConnectFailed(0);
    }
    this.circuits.clear();
    this.creations.clear();
    this.connects.clear();
    this.listeners.clear();
  }

  #event(kind: number, handle: Handle, a: number, b: number, data: NativeEventSlot): void {
    if (kind >= EVENT.streamData && kind <= EVENT.streamWritten)
      return this.#streamEvent(kind, handle, a, b, data);
    switch (kind) {
      case EVENT.channelAccepted:
        return this.#accepted(handle, a, String(data ?? ''));
      case EVENT.channelConnected:
        return this.#connected(handle, a);
      case EVENT.channelConnectFailed:
        return this.#connectFailed(a, b);
      case EVENT.linkCell:
        return this.channels.get(handle)?.listener?.onLinkCell(a, b, data as Buffer);
      case EVENT.channelClosed: {
        const channel = this.channels.get(handle);
        return channel === undefined ? undefined : this.#channelClosed(channel, reasonOf(a), b);
      }
      case EVENT.unknownCell:
        return this.channels.get(handle)?.listener?.onUnknownCell(a, data as Buffer);
      case EVENT.linkExported:
        return this.channels
          .get(handle)
          ?.listener?.onLinkExported?.(a === 1 ? readLinkSecrets(data as Buffer) : undefined);
      case EVENT.listenerFailed:
        return this.listeners.get(a)?.onListenerFailed(b);
      case EVENT.log:
        return this.#logger[LOG_LEVELS[a] ?? 'info'](`data plane: ${String(data)}`);
      default:
        return this.#circuitEvent(kind, handle, a, b, data);
    }
  }

  #circuitEvent(kind: number, handle: Handle, a: number, b: number, data: NativeEventSlot): void {
    if (kind === EVENT.circuitCreate) return this.#circuitCreate(handle, a, b, data as Buffer);
    if (kind === EVENT.circuitAttached && a !== 0) return this.#originAttached(handle, a, b);
    const circuit = this.circuits.get(handle);
    if (circuit === undefined) return;
    switch (kind) {
      case EVENT.circuitAttached:
        return circuit.listener?.onAttached(b);
      case EVENT.circuitCreated:
        return circuit.listener?.onCreated(data as Buffer);
      case EVENT.circuitCreateFailed:
        return this.#createFailed(circuit, reasonOf(a));
      case EVENT.circuitAnswered:
        return circuit.answered(reasonOf(a), b);
      case EVENT.circuitClosed:
        return circuit.circuitClosed(reasonOf(a), sideOf(b));
      case EVENT.relayMessage:
        return circuit.listener?.onRelayMessage(a, b, data as Buffer);
    }
  }

  #streamEvent(kind: number, handle: Handle, streamId: number, b: number, data: NativeEventSlot): void {
    const circuit = this.circuits.get(handle);
    const stream = circuit?.stream(streamId);
    if (circuit === undefined || stream === undefined) return;
    switch (kind) {
      case EVENT.streamData:
        return stream.onStreamData?.(data as Buffer);
      case EVENT.streamEnd:
        return stream.onStreamEnd?.();
      case EVENT.streamConnected:
        return stream.onStreamConnected?.();
      case EVENT.streamConnectFailed:
        return stream.onStreamConnectFailed?.(b);
      case EVENT.streamClosed:
        return circuit.streamClosed(streamId, reasonOf(b));
      case EVENT.streamWritten:
        return stream.onStreamWritten?.(b);
    }
  }

  #accepted(handle: Handle, listenerId: number, peer: string): void {
    const listener = this.listeners.get(listenerId);
    if (listener === undefined) return this.native.closeChannel(handle);
    listener.onAccepted(this.#addChannel(handle), peer);
  }

  #connected(handle: Handle, token: number): void {
    const pending = this.connects.get(token);
    this.connects.delete(token);
    if (pending === undefined || pending.isCancelled) return this.native.closeChannel(handle);
    pending.listener.onConnected(this.#addChannel(handle));
  }

  #connectFailed(token: number, errno: number): void {
    const pending = this.connects.get(token);
    this.connects.delete(token);
    if (pending !== undefined && !pending.isCancelled) pending.listener.onConnectFailed(errno);
  }

  #addChannel(handle: Handle): Channel {
    const channel = new Channel(this.native, handle);
    this.channels.set(handle, channel);
    return channel;
  }

  #channelClosed(channel: Channel, reason: CloseReason, errno: number): void {
    this.channels.delete(channel.handle);
    channel.markClosed();
    channel.listener?.onChannelClosed(reason, errno);
  }

  #circuitCreate(handle: Handle, channelHandle: Handle, circId: number, cell: Buffer): void {
    const circuit = new Circuit(this, handle);
    this.circuits.set(handle, circuit);
    const listener = this.channels.get(channelHandle)?.listener;
    if (listener === undefined) circuit.refuse(0);
    else listener.onCircuitCreate(circuit, circId, cell);
  }

  #originAttached(handle: Handle, token: number, circId: number): void {
    const circuit = this.creations.get(token);
    this.creations.delete(token);
    if (circuit === undefined) return;
    if (handle === 0) return circuit.createFailed('exhausted');
    circuit.attach(handle);
    // Given up before its CREATE left: nobody waits for it any more.
    if (circuit.isClosed) return this.native.closeCircuit(handle, 0);
    this.circuits.set(handle, circuit);
    circuit.listener?.onAttached(circId);
  }

  /** Of our own, known by its token's creation, it is gone; one that was being extended lives on. */
  #createFailed(circuit: Circuit, reason: CloseReason): void {
    if (circuit.isOwn) circuit.createFailed(reason);
    else circuit.listener?.onCreateFailed(reason);
  }
}
