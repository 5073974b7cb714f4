import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

const CHUNK = Buffer.alloc(65_536, 0x6b);

/** What a request says, in decimal and ended by a newline; it stands for bytes without end. */
export const ENDLESS = 0;

async function writeBytes(socket: Socket, count: number): Promise<void> {
  let left = count === ENDLESS ? Infinity : count;
  while (left > 0 && !socket.destroyed) {
    const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
    left -= chunk.length;
    if (socket.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        socket.off('drain', go).off('close', go);
        resolve();
      };
      socket.on('drain', go).on('close', go);
    });
  }
  socket.end();
}

/** Gives as many bytes as the first line asks for. Cheaper than a web server: the CPUs are for the relays. */
export class ByteSource {
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (line) => void writeBytes(socket, Number(line.toString())));
    });
  }

  static async start(): Promise<ByteSource> {
    const source = new ByteSource();
    await new Promise<void>((resolve) => source.#server.listen(0, '127.0.0.1', resolve));
    return source;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
}
