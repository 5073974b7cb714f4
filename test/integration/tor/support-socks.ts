import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { bytesOf } from '../../support/web-bytes.js';

/** Where a stream goes and on which circuit; without one tor chooses. */
export interface SocksTarget {
  readonly socksPort: number;
  readonly circuit?: string;
  readonly host: string;
  readonly port: number;
}

/** The answer's code of RFC 1928 section 6, or of tor's extensions. */
export class SocksError extends Error {
  readonly reply: number;

  constructor(reply: number) {
    super(`the SOCKS port answered ${reply}`);
    this.reply = reply;
  }
}

function readBytes(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      socket.off('readable', look).off('error', done).off('end', ended);
      if (error !== undefined) reject(error);
    };
    const ended = (): void => done(new Error('the SOCKS port closed the connection'));
    const look = (): void => {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes === null) return;
      done();
      resolve(bytes);
    };
    socket.on('readable', look).on('error', done).on('end', ended);
    look();
  });
}

function requestBytes({ host, port }: SocksTarget): Buffer {
  const name = Buffer.from(host, 'latin1');
  const end = Buffer.from([port >> 8, port & 255]);
  return Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, end]);
}

/** Opens a stream through tor's SOCKS port; the name is resolved where the circuit ends. */
export async function socksConnect(target: SocksTarget): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: target.socksPort });
  socket.pause();
  try {
    if (target.circuit === undefined) {
      socket.write(Buffer.from([5, 1, 0]));
      await readBytes(socket, 2);
    } else {
      socket.write(Buffer.from([5, 1, 2]));
      await readBytes(socket, 2);
      const user = Buffer.from(`circuit-${target.circuit}`);
      socket.write(Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([1, 0x78])]));
      await readBytes(socket, 2);
    }
    socket.write(requestBytes(target));
    const reply = (await readBytes(socket, 10))[1] ?? 1;
    if (reply !== 0) throw new SocksError(reply);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** What came back of a transfer. */
export interface Transferred {
  readonly status: number;
  readonly size: number;
  readonly sha256: string;
  readonly text: string;
}

const KEPT_BYTES = 4096;

async function readAnswer(response: IncomingMessage): Promise<Transferred> {
  const hash = createHash('sha256');
  let size = 0;
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (size < KEPT_BYTES) text += chunk.toString('latin1', 0, KEPT_BYTES);
    size += chunk.length;
  }
  return { status: response.statusCode ?? 0, size, sha256: hash.digest('hex'), text };
}

/** One HTTP request over a stream; `uploadBytes` of the test pattern are its body. */
export async function fetchOver(
  target: SocksTarget,
  path: string,
  { uploadBytes = 0, signal }: { uploadBytes?: number; signal?: AbortSignal } = {},
): Promise<Transferred> {
  const socket = await socksConnect(target);
  const { host, port } = target;
  try {
    const upload = uploadBytes > 0 ? { 'content-length': String(uploadBytes) } : {};
    const request = httpRequest({
      ...{ host, port, path, method: uploadBytes > 0 ? 'POST' : 'GET', signal },
      headers: { connection: 'close', ...upload },
      createConnection: () => socket,
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
    });
    // Awaited below; a failure while the body is sent must not go unheard.
    answered.catch(() => undefined);
    for (let sent = 0; sent < uploadBytes && !request.destroyed; sent += 65_536) {
      const isFree = request.write(bytesOf(sent, Math.min(65_536, uploadBytes - sent)));
      if (!isFree) await Promise.race([new Promise((resolve) => request.once('drain', resolve)), answered]);
    }
    request.end();
    return await readAnswer(await answered);
  } finally {
    socket.destroy();
  }
}

/** SHA-256 of the first `count` bytes of the test pattern, without holding them. */
export function patternHash(count: number): string {
  const hash = createHash('sha256');
  for (let done = 0; done < count; done += 1_048_576)
    hash.update(bytesOf(done, Math.min(1_048_576, count - done)));
  return hash.digest('hex');
}
