import { encodeExtended2, parseCreate, parseCreated2 } from '../../dialect/tor/create-cells.js';
import { DESTROY_REASON } from '../../dialect/tor/reasons.js';
import { RELAY_COMMAND } from '../../dialect/tor/relay-commands.js';
import type { Circuit } from '../../native/circuit.js';
import type { CircuitListener, CloseReason } from '../../native/listeners.js';
import { closedError, messageOf } from '../../util/errors.js';
import type { PeerChannel } from '../peer-channel.js';
import { Extension } from './extension.js';
import type { TorCircuitContext } from './tor-circuit-context.js';
import { TorStreams } from './tor-streams.js';

/**
 * A circuit that a peer began here: answering (the handshake is computed by the data plane's workers) -> here ->
 * extending -> forward, back to here when the next hop goes (TRUNCATE), or gone. While it ends here it serves streams.
 * A failed extension ends it, as in C tor. Cells in transit never come here.
 */
export class TorCircuit implements CircuitListener {
  readonly #circuit: Circuit;
  readonly #context: TorCircuitContext;
  readonly #previous: PeerChannel;
  readonly #previousCircId: number;
  readonly #streams: TorStreams;
  #next: { channel: PeerChannel; circId: number } | undefined;
  #extension: Extension | undefined;
  #abort = new AbortController();

  /** `cell`: the whole CREATE cell. */
  constructor(
    circuit: Circuit,
    previous: PeerChannel,
    circId: number,
    cell: Buffer,
    context: TorCircuitContext,
  ) {
    this.#circuit = circuit;
    this.#previous = previous;
    this.#previousCircId = circId;
    this.#context = context;
    this.#streams = new TorStreams(circuit, previous, context);
    circuit.listener = this;
    previous.addHalf(circId, { circuit, fromNext: false });
    this.#answer(cell);
  }

  get streamCount(): number {
    return this.#streams.count;
  }

  /** DESTROY both ways. */
  close(reason: number = DESTROY_REASON.none): void {
    this.#circuit.close(reason);
    this.#end();
  }

  onAnswered(isAccepted: boolean): void {
    const { counters } = this.#context;
    if (isAccepted) counters.circuitsAccepted++;
    else counters.circuitsRefused++;
    if (!isAccepted) this.#end();
  }

  onAttached(circId: number): void {
    const channel = this.#extension?.channel;
    if (channel === undefined) return;
    this.#forgetNext();
    this.#next = { channel, circId };
    channel.addHalf(circId, { circuit: this.#circuit, fromNext: true });
  }

  onCreated(cell: Buffer): void {
    this.#extension?.onCreated(cell);
  }

  onCreateFailed(reason: CloseReason): void {
    this.#extension?.onCreateFailed(reason);
  }

  onCircuitClosed(): void {
    this.#end();
  }

  onRelayMessage(streamId: number, command: number, body: Buffer): void {
    if (command === RELAY_COMMAND.truncate) return this.#truncate();
    if (this.#extension !== undefined || this.#next !== undefined)
      return this.#onMessageBehind(streamId, command);
    switch (command) {
      case RELAY_COMMAND.extend2:
        return this.#extend(body);
      case RELAY_COMMAND.begin:
        return this.#streams.begin(streamId, body);
      case RELAY_COMMAND.beginDir:
        return this.#streams.refuseDirectory(streamId);
      case RELAY_COMMAND.resolve:
        return this.#streams.resolve(streamId, body);
      case RELAY_COMMAND.end:
        return this.#streams.end(streamId);
      default:
        return this.#drop();
    }
  }

  /** The origin talks to a hop that is not its last: what it asks for is refused, since data may follow. */
  #onMessageBehind(streamId: number, command: number): void {
    if (command === RELAY_COMMAND.begin || command === RELAY_COMMAND.beginDir) this.#streams.refuse(streamId);
    this.#drop();
  }

  #drop(): void {
    this.#context.counters.messagesDropped++;
  }

  /** TAP (CREATE) is gone from the network; anything unknown is refused alike. */
  #answer(cell: Buffer): void {
    try {
      const { type, skin } = parseCreate(cell);
      this.#circuit.acceptOnion(type, skin);
    } catch (error) {
      this.#context.logger.debug(`relay: CREATE from ${this.#previous.address}: ${messageOf(error)}`);
      this.#context.counters.circuitsRefused++;
      this.#circuit.refuse(DESTROY_REASON.protocol);
      this.#end();
    }
  }

  #extend(body: Buffer): void {
    const extension = new Extension({
      context: this.#context,
      circuit: this.#circuit,
      previous: this.#previous,
      body,
      signal: this.#abort.signal,
    });
    this.#extension = extension;
    this.#circuit.hold();
    const refused = this.#streams.count > 0;
    (refused ? Promise.reject(closedError('a circuit with streams')) : extension.run()).then(
      (cell) => this.#extended(extension, cell),
      (error: unknown) => this.#extendFailed(extension, error),
    );
  }

  #extended(extension: Extension, cell: Buffer): void {
    if (this.#extension !== extension) return;
    let body: Uint8Array;
    try {
      body = encodeExtended2(parseCreated2(cell));
    } catch (error) {
      return this.#extendFailed(extension, error);
    }
    this.#extension = undefined;
    this.#context.counters.extendsDone++;
    this.#circuit.splice({ streamId: 0, command: RELAY_COMMAND.extended2, body });
  }

  #extendFailed(extension: Extension, error: unknown): void {
    if (this.#extension !== extension) return;
    this.#extension = undefined;
    this.#context.counters.extendsFailed++;
    this.#context.logger.debug(`relay: ${messageOf(error)}`);
    this.close(DESTROY_REASON.connectFailed);
  }

  /** The origin gives up all hops behind this one. */
  #truncate(): void {
    const body = Buffer.from([DESTROY_REASON.requested]);
    this.#extension = undefined;
    this.#abort.abort(closedError('the extension'));
    this.#abort = new AbortController();
    if (this.#next !== undefined) {
      this.#forgetNext();
      this.#circuit.unextend({ streamId: 0, command: RELAY_COMMAND.truncated, body });
      return;
    }
    this.#circuit.sendRelay({ streamId: 0, command: RELAY_COMMAND.truncated, body });
  }

  #forgetNext(): void {
    this.#next?.channel.removeHalf(this.#next.circId, this.#circuit);
    this.#next = undefined;
  }

  /** Everything under way stops. Idempotent. */
  #end(): void {
    this.#extension = undefined;
    this.#abort.abort(closedError('the circuit'));
    this.#forgetNext();
    this.#previous.removeHalf(this.#previousCircId, this.#circuit);
    this.#streams.closeAll();
    this.#context.onCircuitGone(this);
  }
}
