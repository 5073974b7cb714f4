import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { KistError, messageOf } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import type { Clock } from '../util/clock.js';

/** Scrapers are few; more connections than this are closed as they come. */
const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 4096;

export type MetricsAddress = { readonly address: string; readonly port: number } | { readonly path: string };

export interface MetricsServerOptions {
  readonly listen: MetricsAddress;
  /** Whether an address may ask (MetricsPortPolicy); peers of a Unix socket always may. */
  readonly permits: (address: string) => boolean;
  /** The body of an answer. */
  readonly expose: () => string;
  readonly clock: Clock;
  readonly logger?: Logger;
}

function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}

/**
 * MetricsPort: answers `GET /metrics` as C tor does, in HTTP/1.0 and once a connection. Another path is 404, another
 * method 405, both without a body; whom the policy refuses gets no answer at all.
 */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger();
    const limits = {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    this.#server = createServer(limits, (request) => this.#onRequest(request));
    this.#server.maxConnections = MAX_CONNECTIONS;
    // A reader that does not read would keep its connection for ever.
    this.#server.timeout = REQUEST_TIMEOUT_MS;
    this.#server.on('connection', (socket: Socket) => this.#onConnection(socket));
    this.#server.on('clientError', (_error, socket) =>
      this.#end(socket as Socket, 'HTTP/1.0 400 Bad Request'),
    );
  }

  /** Resolves with the address when it listens; rejects with what the system says (`EADDRINUSE`, ...). */
  async listen(): Promise<MetricsAddress> {
    const { listen } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      const options = 'path' in listen ? { path: listen.path } : { host: listen.address, port: listen.port };
      this.#server.listen(options, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#logger.warn(`MetricsPort: ${error.message}`));
        resolve();
      });
    });
    const bound = this.#server.address();
    if (bound === null)
      throw new KistError('ERR_KIST_LISTEN', 'MetricsPort was closed while it opened', 'system');
    return typeof bound === 'string' ? { path: bound } : { address: bound.address, port: bound.port };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    const { remoteAddress } = socket;
    const isAllowed =
      'path' in this.#options.listen ||
      (remoteAddress !== undefined && this.#options.permits(plainAddress(remoteAddress)));
    if (!isAllowed) socket.destroy();
  }

  #onRequest({ method, url, socket }: IncomingMessage): void {
    if (method !== 'GET') this.#end(socket, 'HTTP/1.0 405 Method Not Allowed');
    else if (url !== '/metrics') this.#end(socket, 'HTTP/1.0 404 Not Found');
    else this.#answer(socket);
  }

  #answer(socket: Socket): void {
    let body: string;
    try {
      body = this.#options.expose();
    } catch (error) {
      this.#logger.error(`metrics could not be put together: ${messageOf(error)}`);
      return this.#end(socket, 'HTTP/1.0 500 Internal Server Error');
    }
    const head = [
      'HTTP/1.0 200 OK',
      `Date: ${this.#options.clock.date().toUTCString()}`,
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.#end(socket, head.join('\r\n'), body);
  }

  /** Node's own answers would be HTTP/1.1: the few bytes are written by hand. */
  #end(socket: Socket, head: string, body = ''): void {
    if (socket.writable) socket.end(`${head}\r\n\r\n${body}`);
    else socket.destroy();
  }
}
