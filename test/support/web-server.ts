import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { bytesOf, sha256 } from './web-bytes.js';
import { pageHtml, pageResource } from './web-page.js';

/** What `/page/N` says about itself when its script is done. */
export interface PageReport {
  page: number;
  ok: number;
  failed: string[];
}

/** One request as the server saw it. */
export interface SeenRequest {
  method: string;
  url: string;
  rawHeaders: string[];
}

type Handler = (request: IncomingMessage, response: ServerResponse, rest: string) => void;

/**
 * A web server for tests, on loopback. Paths: `/bytes/N` (deterministic, `?chunked` without a length), `/slow/MS`,
 * `/hang`, `/chunked`, `/no-length/N`, `/vanish/N` (promises N bytes and resets half-way),
 * `/partial/N` (N bytes and then silence), `/echo` (gives the body
 * back while it comes), `/sha256` (hash and size of the body), `/early` (413 before the body), `/head`, `/status/N`,
 * `/continue`, `/hints`, `/trailers`, `/headers` (as JSON), `/forever` (ends an answer, keeps the connection),
 * `/page/N` with its `/resource/I`, `/report`; an Upgrade request becomes a raw echo.
 */
export class WebServer {
  readonly requests: SeenRequest[] = [];
  readonly reports: PageReport[] = [];
  /** Requests whose connection was lost before their answer was complete. */
  aborted = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #reportWaiters: ((report: PageReport) => void)[] = [];

  constructor() {
    this.#server = createServer();
    this.#server.on('request', (request, response) => this.#serve(request, response));
    this.#server.on('checkContinue', (request, response) => this.#serve(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(host = '127.0.0.1', port = 0): Promise<WebServer> {
    const web = new WebServer();
    await new Promise<void>((resolve, reject) => {
      web.#server.once('error', reject);
      web.#server.listen({ host, port }, resolve);
    });
    return web;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `http://127.0.0.1:port`. */
  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** The next report that a page posts. */
  nextReport(): Promise<PageReport> {
    return new Promise((resolve) => this.#reportWaiters.push(resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', rawHeaders } = request;
    this.requests.push({ method, url, rawHeaders });
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    response.on('close', () => {
      if (!response.writableFinished) this.aborted++;
    });
    const [, name = '', rest = ''] = /^\/?([^/?]*)\/?(.*)$/.exec(url) ?? [];
    if (name === 'report') return this.#report(request, response);
    const handler = HANDLERS.get(name);
    if (handler !== undefined) return handler(request, response, rest);
    request.resume();
    response.writeHead(404, { 'content-type': 'text/plain' });
    response.end(`nothing at ${url}\n`);
  }

  #report(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const report = JSON.parse(Buffer.concat(chunks).toString()) as PageReport;
      this.reports.push(report);
      response.writeHead(204).end();
      for (const resolve of this.#reportWaiters.splice(0)) resolve(report);
    });
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { method = '', url = '', rawHeaders } = request;
    this.requests.push({ method, url, rawHeaders });
    if (url === '/no-websocket') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n');
      return;
    }
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\nhello `,
    );
    socket.write(head);
    socket.pipe(socket);
  }
}

function serveBytes(_request: IncomingMessage, response: ServerResponse, rest: string): void {
  const [count = '0', query] = rest.split('?');
  const size = Number(count);
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream' };
  if (query !== 'chunked') headers['content-length'] = String(size);
  response.writeHead(200, headers);
  let sent = 0;
  const more = (): void => {
    while (sent < size && !response.destroyed) {
      const chunk = bytesOf(sent, Math.min(65536, size - sent));
      sent += chunk.length;
      if (!response.write(chunk)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

function serveSha256(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => {
    const trailers = request.trailers;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ size, sha256: hash.digest('hex'), trailers }));
  });
}

const HANDLERS = new Map<string, Handler>([
  ['', (_request, response) => response.end('<!doctype html><title>ok</title>It works.\n')],
  ['*', (_request, response) => response.writeHead(200, { allow: 'GET', 'content-length': '0' }).end()],
  ['bytes', serveBytes],
  ['sha256', serveSha256],
  ['slow', (_request, response, rest) => void setTimeout(() => response.end('slow\n'), Number(rest)).unref()],
  ['hang', (request) => void request.resume()],
  [
    'chunked',
    (_request, response) => {
      for (const part of ['one,', 'two,', 'three']) response.write(part);
      response.end();
    },
  ],
  [
    'no-length',
    (request, response, rest) => {
      request.socket.end(
        Buffer.concat([
          Buffer.from('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n'),
          bytesOf(0, Number(rest)),
        ]),
      );
      response.detachSocket(request.socket);
    },
  ],
  [
    'vanish',
    (request, response, rest) => {
      if (rest !== 'chunked') response.setHeader('content-length', rest);
      response.write(bytesOf(0, rest === 'chunked' ? 1000 : Number(rest) >> 1), () =>
        request.socket.resetAndDestroy(),
      );
    },
  ],
  ['partial', (_request, response, rest) => void response.write(bytesOf(0, Number(rest)))],
  [
    'echo',
    (request, response) => {
      response.writeHead(200);
      request.pipe(response);
    },
  ],
  [
    'early',
    (request, response) => {
      request.resume();
      response.writeHead(413, { 'content-length': '6' }).end('large\n');
    },
  ],
  ['head', (_request, response) => response.writeHead(200, { 'content-length': '12345', etag: '"x"' }).end()],
  ['status', (_request, response, rest) => response.writeHead(Number(rest), { 'x-status': rest }).end()],
  [
    'continue',
    (request, response) => {
      response.writeContinue();
      serveSha256(request, response);
    },
  ],
  [
    'hints',
    (_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('hinted\n');
    },
  ],
  [
    'trailers',
    (_request, response) => {
      response.writeHead(200, { trailer: 'X-Sum' });
      response.write('body');
      response.addTrailers({ 'X-Sum': 'abc', 'Set-Cookie': 'no=1' });
      response.end();
    },
  ],
  [
    'headers',
    (request, response) => {
      response.writeHead(200, [
        ...['Content-Type', 'application/json', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Hop', 'gone'],
        ...['Connection', 'close, X-Hop', 'Proxy-Authenticate', 'Basic', 'X-Kept', 'yes'],
      ]);
      response.end(JSON.stringify(request.rawHeaders));
    },
  ],
  ['forever', (request) => void request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkeep')],
  [
    'page',
    (_request, response, rest) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(pageHtml(Number(rest)));
    },
  ],
  [
    'resource',
    (_request, response, rest) => {
      const { type, body } = pageResource(Number(rest.split('?')[0]));
      response.writeHead(200, { 'content-type': type, 'content-length': String(body.length) });
      response.end(body);
    },
  ],
]);

export { bytesOf, sha256 };
