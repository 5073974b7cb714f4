import { Duplex } from 'node:stream';
import type { Circuit } from '../native/circuit.js';
import type { CloseReason, StreamListener } from '../native/listeners.js';
import { KistError } from '../util/errors.js';

/** Written bytes that may wait in the data plane before the writer is held up. */
const MAX_OUTSTANDING_BYTES = 256 * 1024;
const READ_HIGH_WATER_BYTES = 64 * 1024;

type WriteCallback = (error?: Error | null) => void;

/**
 * A stream over a circuit of our own, as a Duplex. Half-open: `end()` sends END after what was written and reading
 * goes on; 'end' comes with the far side's END; `destroy()` resets it. A reader that stops takes no more than its
 * buffer: credit goes back to the data plane only as bytes are passed on, and that holds up the circuit, not memory.
 */
export class OriginStream extends Duplex implements StreamListener {
  readonly streamId: number;
  /** CONNECTED came; END before that is a refusal. Set by its circuit. */
  isConnected = false;
  readonly #circuit: Circuit;
  readonly #onGone: (stream: OriginStream) => void;
  /** Came while the reader's buffer was full. */
  #waiting: Buffer[] = [];
  #mayPush = true;
  #hasEnded = false;
  #outstanding = 0;
  #heldWrite: WriteCallback | undefined;
  #isForgotten = false;

  constructor(circuit: Circuit, streamId: number, onGone: (stream: OriginStream) => void) {
    super({ allowHalfOpen: true, readableHighWaterMark: READ_HIGH_WATER_BYTES });
    this.#circuit = circuit;
    this.streamId = streamId;
    this.#onGone = onGone;
  }

  onStreamData(bytes: Buffer): void {
    if (this.destroyed || this.#hasEnded) return this.#circuit.consumed(this.streamId, bytes.length);
    if (this.#mayPush && this.#waiting.length === 0) this.#pass(bytes);
    else this.#waiting.push(bytes);
  }

  onStreamEnd(): void {
    if (this.#hasEnded) return;
    if (!this.isConnected) return this.#refused();
    this.#hasEnded = true;
    if (this.#waiting.length === 0) this.push(null);
  }

  onStreamWritten(bytes: number): void {
    this.#outstanding = Math.max(0, this.#outstanding - bytes);
    if (this.#outstanding < MAX_OUTSTANDING_BYTES) this.#releaseWrite();
  }

  /** Forgotten by the data plane: after both ENDs that is the good end, else it was cut. */
  onStreamClosed(reason: CloseReason): void {
    if (this.#isForgotten) return;
    this.#isForgotten = true;
    const isComplete = this.#hasEnded && this.writableEnded;
    this.#onGone(this);
    this.#releaseWrite();
    if (!isComplete && !this.destroyed) this.destroy(cutError(reason, this.#circuit.isClosed));
  }

  override _read(): void {
    this.#mayPush = true;
    while (this.#mayPush) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) break;
      this.#pass(bytes);
    }
    if (this.#waiting.length === 0 && this.#hasEnded && !this.readableEnded) this.push(null);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#send(chunk, callback);
  }

  /** Small writes that queued up leave together, so that they share cells. */
  override _writev(chunks: { chunk: Buffer }[], callback: WriteCallback): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
  }

  override _final(callback: WriteCallback): void {
    this.#circuit.endStream(this.streamId);
    callback();
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#waiting = [];
    const isComplete = this.#hasEnded && this.writableFinished && error === null;
    // After both ENDs the data plane still sends what waits, and then forgets the stream by itself.
    if (!isComplete && !this.#isForgotten) {
      this.#isForgotten = true;
      this.#circuit.resetStream(this.streamId);
      this.#onGone(this);
    }
    this.#heldWrite = undefined;
    callback(error);
  }

  #refused(): void {
    this.#circuit.resetStream(this.streamId);
    this.onStreamClosed('peer');
  }

  #pass(bytes: Buffer): void {
    this.#mayPush = this.push(bytes);
    this.#circuit.consumed(this.streamId, bytes.length);
  }

  #send(bytes: Buffer, callback: WriteCallback): void {
    this.#outstanding += bytes.length;
    this.#circuit.writeStream(this.streamId, bytes);
    if (this.#outstanding < MAX_OUTSTANDING_BYTES) callback();
    else this.#heldWrite = callback;
  }

  #releaseWrite(): void {
    const callback = this.#heldWrite;
    this.#heldWrite = undefined;
    callback?.();
  }
}

function cutError(reason: CloseReason, circuitClosed: boolean): KistError {
  if (circuitClosed) return new KistError('ERR_KIST_CIRCUIT_CLOSED', `the circuit closed (${reason})`);
  if (reason === 'stalled') {
    return new KistError(
      'ERR_KIST_STREAM_CLOSED',
      'the stream was ended: its reader took nothing for too long',
    );
  }
  return new KistError('ERR_KIST_STREAM_CLOSED', `the stream was cut (${reason})`);
}
