/** Streams of a soak over one pinned circuit; each checks every byte and rejects when it was cut. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { socksConnect } from '../integration/tor/support-socks.js';
import type { SocksTarget } from '../integration/tor/support-socks.js';
import { bytesOf } from '../support/web-bytes.js';
import type { Tally } from './tally.js';

/** Longest silence; a stream that hangs for so long has failed. */
const SILENCE_MS = 60_000;
const HEAD_END = '\r\n\r\n';

async function open(target: SocksTarget): Promise<Socket> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the SOCKS port was silent for a minute')), SILENCE_MS);
  });
  const opening = socksConnect(target);
  try {
    const socket = await Promise.race([opening, late]);
    socket.on('error', () => undefined);
    socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error('silent for a minute')));
    return socket;
  } catch (error) {
    void opening.then(
      (socket) => socket.destroy(),
      () => undefined,
    );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Compares the `size` bytes after a head that ends in `greeting`; resolves when they are there. */
function readPattern(socket: Socket, tally: Tally, greeting: string, size: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let head = '';
    let seen = 0;
    const take = (bytes: Buffer): void => {
      if (bytes.length === 0) return;
      const isRight = seen + bytes.length <= size && bytesOf(seen, bytes.length).equals(bytes);
      if (!isRight) tally.wrongBytes++;
      seen += bytes.length;
      tally.bytesDown += bytes.length;
      if (seen >= size) resolve();
    };
    socket.on('data', (bytes: Buffer) => {
      if (head.endsWith(greeting)) return take(bytes);
      const before = head.length;
      head += bytes.toString('latin1');
      const at = head.indexOf(greeting);
      if (at < 0) return;
      head = head.slice(0, at + greeting.length);
      take(bytes.subarray(head.length - before));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before its end')));
    socket.resume();
  });
}

function requestFor(path: string, target: SocksTarget): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${target.host}:${target.port}\r\n`;
}

/** The server closes it. */
export async function download(target: SocksTarget, tally: Tally, size: number): Promise<void> {
  const socket = await open(target);
  try {
    const read = readPattern(socket, tally, HEAD_END, size);
    socket.write(`${requestFor(`/bytes/${size}`, target)}Connection: close${HEAD_END}`);
    await read;
    // More than was promised would be counted as wrong.
    if (!socket.closed) await once(socket, 'close');
  } finally {
    socket.destroy();
  }
}

/** Hangs up after a quarter, with the rest on its way. */
export async function abortedDownload(target: SocksTarget, tally: Tally, size: number): Promise<void> {
  const socket = await open(target);
  socket.write(`${requestFor(`/bytes/${size}`, target)}Connection: close${HEAD_END}`);
  let seen = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('data', (bytes: Buffer) => {
        seen += bytes.length;
        tally.bytesDown += bytes.length;
        if (seen >= size >> 2) resolve();
      });
      socket.once('close', () => reject(new Error('closed before its end')));
      socket.resume();
    });
  } finally {
    // With bytes unread this is a reset; resetAndDestroy() leaks a socket that its peer closes meanwhile.
    socket.destroy();
  }
}

/** Sends `size` bytes and gets them back; then it stays open: the caller closes what it gets. */
export async function heldEcho(target: SocksTarget, tally: Tally, size: number): Promise<Socket> {
  const socket = await open(target);
  try {
    const read = readPattern(socket, tally, `${HEAD_END}hello `, size);
    socket.write(
      `${requestFor('/echo', target)}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: c29hayBzb2FrIHNvYWsgLg==${HEAD_END}`,
    );
    socket.write(bytesOf(0, size));
    await read;
    tally.bytesUp += size;
    socket.setTimeout(0);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
