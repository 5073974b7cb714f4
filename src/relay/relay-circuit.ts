import type { ControlDialect, ExtendTarget } from '../dialect/control-dialect.js';
import type { NativeRelayMessage } from '../native/binding-types.js';
import type { Circuit } from '../native/circuit.js';
import type { CircuitListener, CloseReason } from '../native/listeners.js';
import type { Clock } from '../util/clock.js';
import { closedError, codeOf, KistError, messageOf } from '../util/errors.js';
import type { Logger } from '../util/logger.js';
import type { ChannelManager } from './channel-manager.js';
import type { ControlCounters } from './counters.js';
import { ExitStream } from './exit-stream.js';
import type { ExitContext } from './exit-stream.js';
import type { PeerChannel } from './peer-channel.js';
import { Waiter } from './waiter.js';

/** What the circuits of one relay share. */
export interface CircuitContext {
  readonly dialect: ControlDialect;
  readonly channels: ChannelManager;
  readonly exit: ExitContext;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ControlCounters;
  readonly extendTimeoutMs: number;
  readonly maxStreamsPerCircuit: number;
  onCircuitGone(circuit: RelayCircuit): void;
}

const EMPTY = new Uint8Array(0);

/**
 * A circuit that another relay began here: ends here -> extending -> forward, or back to "ends here" when the
 * extension failed. While it ends here it serves BEGIN as an exit. Once forward, its cells are not seen here again.
 */
export class RelayCircuit implements CircuitListener {
  readonly #circuit: Circuit;
  readonly #context: CircuitContext;
  readonly #previous: PeerChannel;
  readonly #previousCircId: number;
  readonly #streams = new Map<number, ExitStream>();
  #next: { channel: PeerChannel; circId: number } | undefined;
  #extending: AbortController | undefined;
  #created: Waiter<void> | undefined;
  #nextChannel: PeerChannel | undefined;
  #isForward = false;

  constructor(circuit: Circuit, previous: PeerChannel, circId: number, context: CircuitContext) {
    this.#circuit = circuit;
    this.#previous = previous;
    this.#previousCircId = circId;
    this.#context = context;
    circuit.listener = this;
    previous.addHalf(circId, { circuit, fromNext: false });
    circuit.accept(EMPTY);
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** DESTROY both ways. */
  close(): void {
    this.#circuit.close();
    this.#end();
  }

  onAttached(circId: number): void {
    if (this.#nextChannel === undefined) return;
    this.#forgetNext();
    this.#next = { channel: this.#nextChannel, circId };
    this.#nextChannel.addHalf(circId, { circuit: this.#circuit, fromNext: true });
  }

  onCreated(): void {
    this.#created?.resolve();
  }

  onCreateFailed(reason: CloseReason): void {
    const cause = reason === 'none' ? 'the next hop refused CREATE' : `CREATE failed (${reason})`;
    this.#created?.reject(new KistError('ERR_KIST_CREATE_REFUSED', cause));
  }

  onCircuitClosed(): void {
    this.#end();
  }

  onRelayMessage(streamId: number, command: number, body: Buffer): void {
    const { commands } = this.#context.dialect;
    // What slipped through between EXTEND and the hold was meant for a hop that does not exist yet.
    if (this.#extending !== undefined || this.#isForward) return this.#drop();
    if (command === commands.begin) return this.#begin(streamId, body);
    if (command === commands.extend) return this.#startExtend(streamId, body);
    if (command === commands.end) return this.#streams.get(streamId)?.cancel();
    this.#drop();
  }

  #drop(): void {
    this.#context.counters.messagesDropped++;
  }

  #message(streamId: number, command: number): NativeRelayMessage {
    return { streamId, command, body: EMPTY };
  }

  #startExtend(streamId: number, body: Buffer): void {
    const abort = new AbortController();
    this.#extending = abort;
    this.#circuit.hold();
    const { counters, logger, dialect } = this.#context;
    this.#extend(body, abort.signal).then(
      () => {
        if (!this.#stopExtending(abort)) return;
        counters.extendsDone++;
        this.#isForward = true;
        this.#circuit.splice(this.#message(streamId, dialect.commands.extended));
      },
      (error: unknown) => {
        if (!this.#stopExtending(abort)) return;
        counters.extendsFailed++;
        logger.debug(`relay: EXTEND failed: ${messageOf(error)}`);
        this.#forgetNext();
        this.#circuit.unextend(this.#message(streamId, dialect.commands.extendFailed));
      },
    );
  }

  /** False when the circuit has ended meanwhile. */
  #stopExtending(abort: AbortController): boolean {
    if (this.#extending !== abort) return false;
    this.#extending = undefined;
    this.#created = undefined;
    this.#nextChannel = undefined;
    return true;
  }

  /** Finds or opens the channel, sends CREATE, waits for CREATED: all within one deadline. */
  async #extend(body: Buffer, signal: AbortSignal): Promise<void> {
    const { dialect, channels, clock, extendTimeoutMs } = this.#context;
    if (this.#streams.size > 0)
      throw new KistError('ERR_KIST_MALFORMED', 'EXTEND on a circuit that has streams');
    const target: ExtendTarget = dialect.parseExtend(body);
    const what = `EXTEND to ${target.host}:${target.port}`;
    const created = new Waiter<void>({ what, ms: extendTimeoutMs, clock, signal });
    this.#created = created;
    channels.get(target, signal).then(
      (channel) => {
        if (created.isSettled) return;
        this.#nextChannel = channel;
        this.#circuit.extend(channel.channel, dialect.beginHop(target).payload);
      },
      (error: unknown) => created.reject(error),
    );
    await created.promise;
  }

  #begin(streamId: number, body: Buffer): void {
    const { dialect, counters, maxStreamsPerCircuit, exit } = this.#context;
    const refused = counters.streamsRefused;
    const fail = (): void => this.#circuit.sendRelay(this.#message(streamId, dialect.commands.beginFailed));
    if (this.#streams.has(streamId)) return (refused.inUse++, fail());
    if (this.#streams.size >= maxStreamsPerCircuit) return (refused.limit++, fail());
    let target;
    try {
      target = dialect.parseBegin(body);
    } catch {
      return (refused.malformed++, fail());
    }
    const stream = new ExitStream(this.#circuit, streamId, exit, () => {
      if (this.#streams.get(streamId) === stream) this.#streams.delete(streamId);
    });
    this.#streams.set(streamId, stream);
    stream
      .connect(target, () => this.#message(streamId, dialect.commands.connected))
      .then(
        () => counters.streamsConnected++,
        (error: unknown) => {
          refused[refusalOf(error)]++;
          // Cancelled by its origin, or the circuit is gone: nobody waits for an answer.
          if (this.#streams.get(streamId) !== stream) return;
          stream.release();
          fail();
        },
      );
  }

  #forgetNext(): void {
    this.#next?.channel.removeHalf(this.#next.circId, this.#circuit);
    this.#next = undefined;
  }

  /** Everything under way stops. Idempotent. */
  #end(): void {
    this.#extending?.abort(closedError('the circuit'));
    this.#extending = undefined;
    this.#forgetNext();
    this.#previous.removeHalf(this.#previousCircId, this.#circuit);
    for (const stream of [...this.#streams.values()]) stream.cancel();
    this.#streams.clear();
    this.#context.onCircuitGone(this);
  }
}

function refusalOf(error: unknown): 'policy' | 'resolve' | 'connect' {
  switch (codeOf(error)) {
    case 'ERR_KIST_EXIT_POLICY':
      return 'policy';
    case 'ERR_KIST_RESOLVE':
    case 'ERR_KIST_TIMEOUT':
      return 'resolve';
    default:
      return 'connect';
  }
}
