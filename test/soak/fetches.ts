/** One of each thing that a client of the proxy may do; each resolves when it is over and rejects when it was cut. */
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { bytesOf } from '../support/web-bytes.js';

/** Longest silence; a request that hangs for so long has failed. */
const SILENCE_MS = 60_000;

export interface FetchContext {
  proxyPort: number;
  /** `http://host:port` of the web server. */
  site: string;
  onBytes: (count: number) => void;
  onWrongBytes: () => void;
}

function open(context: FetchContext, path: string, more: RequestOptions = {}): ClientRequest {
  const request = httpRequest({
    ...{ host: '127.0.0.1', port: context.proxyPort, path: `${context.site}${path}`, agent: false },
    ...more,
  });
  request.setTimeout(SILENCE_MS, () => request.destroy(new Error('silent for a minute')));
  return request;
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.once('response', (answer) => {
      if (answer.statusCode === 200) return resolve(answer);
      answer.resume();
      const error = new Error(`answered ${answer.statusCode}`);
      answer.once('close', () => reject(error));
    });
  });
}

/** Compares every byte with the pattern as it comes. Ends at `stopAt` bytes by hanging up. */
function readPattern(
  context: FetchContext,
  answer: IncomingMessage,
  options: { size: number; stopAt?: number; pauseMs?: number },
): Promise<void> {
  const { size, stopAt = Infinity, pauseMs = 0 } = options;
  return new Promise((resolve, reject) => {
    let seen = 0;
    answer.on('data', (bytes: Buffer) => {
      if (seen + bytes.length > size || !bytesOf(seen, bytes.length).equals(bytes)) context.onWrongBytes();
      seen += bytes.length;
      context.onBytes(bytes.length);
      if (seen >= stopAt) {
        answer.destroy();
        return resolve();
      }
      if (pauseMs === 0) return;
      answer.pause();
      setTimeout(() => answer.resume(), pauseMs);
    });
    answer.once('error', reject);
    answer.once('end', () => {
      if (seen !== size) context.onWrongBytes();
      resolve();
    });
    answer.once('close', () => reject(new Error('closed before its end')));
  });
}

export async function download(context: FetchContext, size: number): Promise<void> {
  const request = open(context, `/bytes/${size}`).end();
  await readPattern(context, await answerOf(request), { size });
}

/** Hangs up in the middle. */
export async function abortedDownload(context: FetchContext, size: number): Promise<void> {
  const request = open(context, `/bytes/${size}`).end();
  request.on('error', () => undefined);
  await readPattern(context, await answerOf(request), { size, stopAt: size >> 2 });
}

/** A reader that rests after each piece. */
export async function slowDownload(context: FetchContext, size: number, pauseMs: number): Promise<void> {
  const request = open(context, `/bytes/${size}`).end();
  await readPattern(context, await answerOf(request), { size, pauseMs });
}

export async function upload(context: FetchContext, size: number): Promise<void> {
  const body = bytesOf(0, size);
  const request = open(context, '/sha256', { method: 'POST', headers: { 'content-length': size } });
  const answered = answerOf(request);
  request.end(body);
  const answer = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const { size: got, sha256 } = JSON.parse(Buffer.concat(chunks).toString()) as {
    size: number;
    sha256: string;
  };
  if (got !== size || sha256 !== createHash('sha256').update(body).digest('hex')) context.onWrongBytes();
}

/** CONNECT, then a raw echo inside the tunnel. */
export async function tunnel(context: FetchContext, size: number): Promise<void> {
  const { host } = new URL(context.site);
  const request = httpRequest({
    ...{ host: '127.0.0.1', port: context.proxyPort, method: 'CONNECT', path: host, agent: false },
  }).end();
  const socket = await new Promise<Socket>((resolve, reject) => {
    request.once('error', reject);
    request.once('connect', (answer, opened: Socket) => {
      if (answer.statusCode === 200) return resolve(opened);
      opened.destroy();
      reject(new Error(`CONNECT answered ${answer.statusCode}`));
    });
  });
  try {
    await echo(context, socket, host, size);
  } finally {
    socket.destroy();
  }
}

function echo(context: FetchContext, socket: Socket, host: string, size: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let head = '';
    let seen = 0;
    socket.setTimeout(SILENCE_MS, () => reject(new Error('a silent tunnel')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the tunnel closed')));
    const compare = (bytes: Buffer): void => {
      if (bytes.length === 0) return;
      if (!bytesOf(seen, bytes.length).equals(bytes)) context.onWrongBytes();
      seen += bytes.length;
      context.onBytes(bytes.length);
      if (seen >= size) resolve();
    };
    const greeting = '\r\n\r\nhello ';
    socket.on('data', (bytes: Buffer) => {
      if (head.includes(greeting)) return compare(bytes);
      const before = head.length;
      head += bytes.toString('latin1');
      const at = head.indexOf(greeting);
      if (at >= 0) compare(bytes.subarray(at + greeting.length - before));
    });
    socket.write(
      `GET /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: c29hayBzb2FrIHNvYWsgLg==\r\n\r\n`,
    );
    socket.write(bytesOf(0, size));
  });
}
