import { integerArgument, stringArgument } from '../native/arguments.js';
import type { RelayRecord } from '../discovery/discovery.js';
import type { ControlDialect, ExtendTarget, HopHandshake, StreamTarget } from '../dialect/control-dialect.js';
import type { Circuit } from '../native/circuit.js';
import type { CircuitListener, CloseReason, Side } from '../native/listeners.js';
import type { ChannelManager } from '../relay/channel-manager.js';
import type { PeerChannel } from '../relay/peer-channel.js';
import { Waiter } from '../relay/waiter.js';
import type { Clock } from '../util/clock.js';
import { KistError } from '../util/errors.js';
import { OriginStream } from './origin-stream.js';

export interface OriginCircuitInit {
  channels: ChannelManager;
  clock: Clock;
  /** Deadlines for CREATED, for each EXTENDED, and for CONNECTED. */
  createTimeoutMs: number;
  extendTimeoutMs: number;
  streamTimeoutMs: number;
}

interface PendingBegin {
  readonly stream: OriginStream;
  readonly waiter: Waiter<void>;
}

const MAX_STREAM_ID = 65535;

function targetOf({ host, port, agentId }: RelayRecord): ExtendTarget {
  return { host, port, peerId: agentId };
}

/**
 * A circuit that this process built: new -> created (one hop) -> extended hop by hop -> closed. Streams are opened at
 * its last hop. Answers are matched as the protocol orders them: one CREATE, one EXTEND at a time, BEGIN by stream ID;
 * bodies of answers mean nothing. When it closes, every stream gets a clean error.
 */
export class OriginCircuit implements CircuitListener {
  readonly #init: OriginCircuitInit;
  readonly #dialect: ControlDialect;
  readonly #path: RelayRecord[] = [];
  readonly #begins = new Map<number, PendingBegin>();
  readonly #closedListeners = new Set<(error: KistError) => void>();
  #circuit: Circuit | undefined;
  #channel: PeerChannel | undefined;
  #circId: number | undefined;
  #pending: Waiter<Uint8Array> | undefined;
  #nextStreamId = 1;
  #error: KistError | undefined;

  constructor(init: OriginCircuitInit) {
    this.#init = init;
    this.#dialect = init.channels.dialect;
  }

  /** The hops so far, in order. */
  get path(): readonly RelayRecord[] {
    return this.#path;
  }

  get isClosed(): boolean {
    return this.#error !== undefined;
  }

  /** Why it closed; undefined while it lives. */
  get closeError(): KistError | undefined {
    return this.#error;
  }

  get streamCount(): number {
    return this.#circuit?.streamCount ?? 0;
  }

  /** Calls back once, at once when it is closed already. */
  onClosed(listener: (error: KistError) => void): void {
    if (this.#error !== undefined) listener(this.#error);
    else this.#closedListeners.add(listener);
  }

  /** CREATE at the first hop. On failure the circuit is closed. */
  async create(hop: RelayRecord, signal?: AbortSignal): Promise<void> {
    if (this.#circuit !== undefined || this.#channel !== undefined) {
      throw new KistError('ERR_KIST_STATE', 'the circuit has a first hop already', 'operator');
    }
    try {
      const target = targetOf(hop);
      const channel = await this.#init.channels.get(target, signal);
      if (this.#error !== undefined) throw this.#error;
      this.#channel = channel;
      const what = `CREATE at ${hop.name}`;
      const created = this.#wait(what, this.#init.createTimeoutMs, signal);
      const { plane } = this.#init.channels;
      const handshake = this.#dialect.beginHop(target);
      this.#circuit = plane.createCircuit(channel.channel, handshake.payload, this);
      this.#addHop(handshake, await created);
      this.#path.push(hop);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * EXTEND from the last hop. A refusal (ERR_KIST_EXTEND_REFUSED) leaves the circuit as it was, to be tried with
   * another; after a timeout a late answer could be taken for the next one's, so then it is closed.
   */
  async extend(hop: RelayRecord, signal?: AbortSignal): Promise<void> {
    const circuit = this.#usable();
    if (this.#pending !== undefined) {
      throw new KistError('ERR_KIST_STATE', 'the circuit is being extended already', 'operator');
    }
    const target = targetOf(hop);
    const handshake = this.#dialect.beginHop(target);
    const body = this.#dialect.encodeExtend(target, handshake.payload);
    const extended = this.#wait(`EXTEND to ${hop.name}`, this.#init.extendTimeoutMs, signal);
    circuit.sendRelay({ streamId: 0, command: this.#dialect.commands.extend, body, early: true });
    try {
      this.#addHop(handshake, await extended);
      this.#path.push(hop);
    } catch (error) {
      if (!(error instanceof KistError && error.code === 'ERR_KIST_EXTEND_REFUSED')) this.close();
      throw error;
    }
  }

  /** BEGIN at the last hop; resolves when the exit has said CONNECTED. */
  async openStream(host: string, port: number, signal?: AbortSignal): Promise<OriginStream> {
    const target = { host: stringArgument('host', host), port: integerArgument('port', port, 1, 65535) };
    const circuit = this.#usable();
    const body = this.#dialect.encodeBegin(target);
    const stream = this.#newStream(circuit);
    const { streamTimeoutMs: ms, clock } = this.#init;
    const waiter = new Waiter<void>({ what: `BEGIN ${host}:${port}`, ms, clock, signal });
    this.#begins.set(stream.streamId, { stream, waiter });
    circuit.openStream(stream.streamId, stream);
    circuit.sendRelay({ streamId: stream.streamId, command: this.#dialect.commands.begin, body });
    try {
      await waiter.promise;
      return stream;
    } catch (error) {
      stream.destroy();
      throw this.#explain(error, target);
    } finally {
      this.#begins.delete(stream.streamId);
    }
  }

  /** DESTROY; streams get ERR_KIST_CIRCUIT_CLOSED. Idempotent. */
  close(): void {
    this.#end(new KistError('ERR_KIST_CIRCUIT_CLOSED', 'the circuit was closed'));
  }

  onAttached(circId: number): void {
    this.#circId = circId;
    if (this.#circuit !== undefined)
      this.#channel?.addHalf(circId, { circuit: this.#circuit, fromNext: true });
  }

  onCreated(cell: Buffer): void {
    if (this.#path.length === 0) this.#answer(() => this.#dialect.parseCreated(cell));
  }

  onCreateFailed(reason: CloseReason): void {
    const why = reason === 'none' ? 'the first hop refused CREATE' : `CREATE failed (${reason})`;
    this.#pending?.reject(new KistError('ERR_KIST_CREATE_REFUSED', why));
  }

  onRelayMessage(streamId: number, command: number, body: Buffer): void {
    const { connected, beginFailed, extended, extendFailed, end } = this.#dialect.commands;
    const begin = this.#begins.get(streamId);
    if (command === connected && begin !== undefined) {
      begin.stream.isConnected = true;
      return begin.waiter.resolve();
    }
    if (command === beginFailed || command === end) {
      return begin?.waiter.reject(new KistError('ERR_KIST_STREAM_REFUSED', 'the exit could not connect'));
    }
    if (this.#path.length === 0) return;
    if (command === extended) this.#answer(() => this.#dialect.parseExtended(body));
    if (command === extendFailed) {
      this.#pending?.reject(new KistError('ERR_KIST_EXTEND_REFUSED', 'the last hop could not extend'));
    }
  }

  onCircuitClosed(reason: CloseReason, side: Side): void {
    const where = side === 'here' ? '' : ` at the ${side}`;
    this.#end(new KistError('ERR_KIST_CIRCUIT_CLOSED', `the circuit closed${where} (${reason})`));
  }

  #usable(): Circuit {
    if (this.#error !== undefined) throw this.#error;
    if (this.#circuit === undefined || this.#path.length === 0) {
      throw new KistError('ERR_KIST_STATE', 'the circuit has no hop yet', 'operator');
    }
    return this.#circuit;
  }

  /** The one answer to CREATE or EXTEND. */
  #wait(what: string, ms: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const waiter = new Waiter<Uint8Array>({ what, ms, clock: this.#init.clock, signal });
    this.#pending = waiter;
    const forget = (): void => {
      if (this.#pending === waiter) this.#pending = undefined;
    };
    waiter.promise.then(forget, forget);
    return waiter.promise;
  }

  /** Hands the awaited answer on, or the reason why it cannot be read. */
  #answer(parse: () => Uint8Array): void {
    try {
      this.#pending?.resolve(parse());
    } catch (error) {
      this.#pending?.reject(error);
    }
  }

  /** The hop answered: what is sent from now on is encrypted for it too, in a dialect that does. */
  #addHop(handshake: HopHandshake, answer: Uint8Array): void {
    const keys = handshake.finish(answer);
    if (keys !== undefined) this.#circuit?.addHop(keys);
  }

  #newStream(circuit: Circuit): OriginStream {
    for (let tries = 0; tries < MAX_STREAM_ID; tries++) {
      const streamId = this.#nextStreamId;
      this.#nextStreamId = streamId === MAX_STREAM_ID ? 1 : streamId + 1;
      if (circuit.hasStream(streamId)) continue;
      const stream = new OriginStream(circuit, streamId, () => this.#streamGone(streamId));
      stream.on('error', () => undefined); // 'close' follows; a caller that wants the error listens too.
      return stream;
    }
    throw new KistError('ERR_KIST_STREAMS', 'all 65535 stream IDs of the circuit are in use', 'system');
  }

  /** A stream that is cut before its CONNECTED, by END for instance, was refused. */
  #streamGone(streamId: number): void {
    // A circuit that closed says so itself, right after.
    if (this.#circuit?.isClosed === true) return;
    const refused = new KistError('ERR_KIST_STREAM_REFUSED', 'the exit ended the stream before CONNECTED');
    this.#begins.get(streamId)?.waiter.reject(refused);
  }

  #explain(error: unknown, target: StreamTarget): unknown {
    if (!(error instanceof KistError) || error.code !== 'ERR_KIST_STREAM_REFUSED') return error;
    const exit = this.#path.at(-1)?.name ?? 'the exit';
    const message = `${exit} could not connect to ${target.host}:${target.port}`;
    return new KistError('ERR_KIST_STREAM_REFUSED', message, 'peer', error);
  }

  #end(error: KistError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#pending?.reject(error);
    for (const { waiter } of this.#begins.values()) waiter.reject(error);
    const circuit = this.#circuit;
    if (circuit !== undefined && this.#circId !== undefined) this.#channel?.removeHalf(this.#circId, circuit);
    circuit?.close();
    for (const listener of this.#closedListeners) listener(error);
    this.#closedListeners.clear();
  }
}
