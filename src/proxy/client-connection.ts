import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../util/clock.js';

/** An end that comes this soon after a request belongs to it; a later one means that the client left. */
const SAME_BREATH_MS = 30;
/** How long such a client is believed without an answer's byte: only writing shows whether it still reads. */
const HALF_CLOSED_PATIENCE_MS = 15_000;
/** More unanswered requests at once than this on one connection are refused. */
const MAX_PIPELINED = 32;

/** One client's connection: which requests on it are unanswered, and what its end means. */
export class ClientConnection {
  readonly socket: Socket;
  readonly #clock: Clock;
  readonly #unanswered = new Set<ServerResponse>();
  #lastRequestAt = 0;
  #lastIsFinal = false;
  #refused = false;

  constructor(socket: Socket, clock: Clock) {
    this.socket = socket;
    this.#clock = clock;
    socket.on('end', () => this.#onEnd());
  }

  get busy(): boolean {
    return this.#unanswered.size > 0;
  }

  /** True the first time only: later faults of a refused connection need no answer. */
  refuse(): boolean {
    if (this.#refused) return false;
    this.#refused = true;
    return true;
  }

  /** False when the client piles up requests faster than they can be answered. */
  add(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#unanswered.size >= MAX_PIPELINED) return false;
    this.#unanswered.add(response);
    this.#lastRequestAt = this.#clock.now();
    this.#lastIsFinal = request.httpVersion === '1.0' || !response.shouldKeepAlive;
    request.on('end', () => (this.#lastRequestAt = this.#clock.now()));
    response.on('close', () => this.#unanswered.delete(response));
    return true;
  }

  /**
   * A client that said it sends nothing more, or ended together with its request, waits for the answer
   * (half-close). Any other end while an answer is due is a closed tab: TCP shows both alike.
   */
  #onEnd(): void {
    if (!this.busy || this.#lastIsFinal) return;
    if (this.#clock.now() - this.#lastRequestAt > SAME_BREATH_MS) return void this.socket.destroy();
    const written = this.socket.bytesWritten;
    const doubt = this.#clock.setTimeout(() => {
      if (this.socket.bytesWritten === written) this.socket.destroy();
    }, HALF_CLOSED_PATIENCE_MS);
    this.socket.once('close', () => doubt.cancel());
  }
}
