import type { Socket } from 'node:net';

const LIMIT_BYTES = 65536;

/**
 * What a client sends before its tunnel is open, up to 64 KiB; then it waits. Reading goes on meanwhile only
 * to notice that the client left: an end without a single byte means that nobody waits for the tunnel.
 */
export class EarlyBytes {
  readonly #socket: Socket;
  readonly #onGone: () => void;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(socket: Socket, head: Buffer, onGone: () => void) {
    this.#socket = socket;
    this.#onGone = onGone;
    this.#add(head);
    socket.on('data', this.#add);
    socket.on('end', this.#onEnd);
    socket.on('close', onGone);
    if (this.#size <= LIMIT_BYTES) socket.resume();
  }

  /** Stops reading and gives what came. */
  take(): Buffer[] {
    this.#socket.pause();
    this.#socket.removeListener('data', this.#add);
    this.#socket.removeListener('end', this.#onEnd);
    this.#socket.removeListener('close', this.#onGone);
    return this.#chunks;
  }

  #add = (chunk: Buffer): void => {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > LIMIT_BYTES) this.#socket.pause();
  };

  #onEnd = (): void => {
    if (this.#size === 0) this.#onGone();
  };
}
