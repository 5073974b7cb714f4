import type { Socket } from 'node:net';

const LF = 10;
const CR = 13;

/**
 * Looks at a new connection's first line. Node's parser wants CRLF; people who type a request into nc send
 * bare line feeds (RFC 9112 section 2.2 lets a server take them). Such a first head is completed to CRLF;
 * everything else is handed over untouched, as soon as it is clear which it is.
 */
export class LineEnds {
  readonly #socket: Socket;
  readonly #limitBytes: number;
  readonly #handOver: () => void;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #previous = 0;
  #lineLength = 0;
  #bare = false;

  constructor(socket: Socket, limitBytes: number, handOver: () => void) {
    this.#socket = socket;
    this.#limitBytes = limitBytes;
    this.#handOver = handOver;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
  }

  #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    const before = this.#size;
    this.#size += chunk.length;
    if (before === 0 && !isLetter(chunk[0])) return this.#finish(0);
    for (let i = 0; i < chunk.length; i++) {
      const headEnd = this.#look(chunk[i] ?? 0);
      if (headEnd !== undefined) return this.#finish(headEnd ? before + i + 1 : 0);
    }
    if (this.#size > this.#limitBytes) this.#finish(0);
  };

  /** True at the end of a head with bare line feeds, false when the first line ends in CRLF. */
  #look(byte: number): boolean | undefined {
    const previous = this.#previous;
    this.#previous = byte;
    if (byte === LF) {
      if (!this.#bare && previous === CR) return false;
      this.#bare = true;
      if (this.#lineLength === 0) return true;
      this.#lineLength = 0;
    } else if (byte !== CR) this.#lineLength++;
    return undefined;
  }

  /** Nothing that could be answered came; the parser would wait for an end that is over. */
  #onEnd = (): void => {
    this.#socket.destroy();
  };

  /** Gives the bytes back, the first `headBytes` of them with CRLF, and the socket to the parser. */
  #finish(headBytes: number): void {
    const socket = this.#socket;
    socket.removeListener('data', this.#onData);
    socket.removeListener('end', this.#onEnd);
    const bytes = Buffer.concat(this.#chunks);
    const head = bytes.toString('latin1', 0, headBytes).replace(/\r?\n/g, '\r\n');
    socket.pause();
    socket.unshift(Buffer.concat([Buffer.from(head, 'latin1'), bytes.subarray(headBytes)]));
    this.#handOver();
    socket.resume();
  }
}

function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122));
}
