import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { closedError, messageOf } from '../util/errors.js';
import { ClientConnection } from './client-connection.js';
import { answerAndClose } from './closing-answer.js';
import { openTunnel } from './connect-tunnel.js';
import { LineEnds } from './line-ends.js';
import { listenFrom } from './listen.js';
import { isOwnAddress } from './own-address.js';
import { describeParserError } from './parser-error.js';
import { ignoreError } from './proxy-context.js';
import type { ProxyContext } from './proxy-context.js';
import { resolveOptions } from './proxy-options.js';
import type { HttpProxyOptions, ResolvedOptions } from './proxy-options.js';
import { ProxyStats } from './proxy-stats.js';
import type { ProxySnapshot } from './proxy-stats.js';
import { serveRequest, serveUpgrade } from './serve-request.js';
import { failurePage } from './pages.js';
import { isWebSocketRequest, withoutUpgrade } from './web-socket-upgrade.js';

/**
 * The entry for browsers: an HTTP proxy on Node's own parser whose every request and tunnel is one stream of
 * the dialer. States: made, listening (`listen()`), closed (`close()`). It adds no header that tells who asked
 * or that a proxy is there, keeps no bodies, and never connects anywhere by itself.
 */
export class HttpProxy {
  readonly #options: ResolvedOptions;
  readonly #server: Server;
  readonly #parse: (socket: Socket) => void;
  readonly #context: ProxyContext;
  readonly #closing = new AbortController();
  readonly #connections = new Map<Duplex, ClientConnection>();
  #listening: Promise<{ host: string; port: number }> | undefined;
  #closed: Promise<void> | undefined;
  #bound = { host: '', port: 0 };

  constructor(options: HttpProxyOptions) {
    this.#options = resolveOptions(options);
    // Every stream being dialled listens for the end.
    setMaxListeners(0, this.#closing.signal);
    this.#context = this.#makeContext();
    this.#server = this.#makeServer();
    // The server's own listener starts its parser; ours looks at the first line before that.
    const [parse] = this.#server.listeners('connection');
    this.#parse = (socket) => void parse?.call(this.#server, socket);
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Starts listening; resolves with the address in use. Rejects with `ERR_KIST_LISTEN`. */
  listen(): Promise<{ host: string; port: number }> {
    if (this.#closed !== undefined) return Promise.reject(closedError('the HTTP proxy'));
    this.#listening ??= this.#start();
    return this.#listening;
  }

  /** Stops accepting and cuts every connection and stream. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#stop();
    return this.#closed;
  }

  /** Counters since the start. */
  stats(): ProxySnapshot {
    return this.#context.stats.snapshot(this.#connections.size);
  }

  async #start(): Promise<{ host: string; port: number }> {
    const { host, port, portSearch } = this.#options;
    const address = await listenFrom(this.#server, host, port, portSearch);
    this.#server.on('error', (error) => {
      this.#context.logger.warn({ error: messageOf(error) }, 'The HTTP proxy could not accept a connection.');
    });
    this.#bound = { host: address.address, port: address.port };
    return this.#bound;
  }

  async #stop(): Promise<void> {
    this.#closing.abort();
    await this.#listening?.catch(ignoreError);
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await stopped;
  }

  #makeContext(): ProxyContext {
    const { dialer, clock, logger, connectTimeoutMs, idleTimeoutMs, endlessAnswerMs, maxHeaderBytes } =
      this.#options;
    return {
      ...{ dialer, clock, logger, connectTimeoutMs, idleTimeoutMs, endlessAnswerMs, maxHeaderBytes },
      stats: new ProxyStats(),
      closing: this.#closing.signal,
      isOwnAddress: (host, port, localAddress) => isOwnAddress({ host, port }, this.#bound, localAddress),
    };
  }

  #makeServer(): Server {
    const { maxHeaderBytes, clientIdleTimeoutMs, maxConnections } = this.#options;
    const server = createServer({
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: clientIdleTimeoutMs,
      headersTimeout: 30_000,
      // Uploads may take long; their silence is bounded by the idle timeout.
      requestTimeout: 0,
      connectionsCheckingInterval: 5_000,
      // Checked by ourselves, to answer with a page.
      requireHostHeader: false,
      noDelay: true,
    });
    // Without it Node takes a client's half-close for its leaving; ClientConnection tells the two apart.
    Object.assign(server, { httpAllowHalfOpen: true });
    // Headers over a count would vanish silently; their size is bounded already.
    server.maxHeadersCount = 0;
    server.maxConnections = maxConnections;
    server.on('drop', () => this.#context.stats.dropped++);
    const onRequest = this.#onRequest;
    server.on('request', onRequest).on('checkContinue', onRequest).on('checkExpectation', onRequest);
    server.on('connect', (request, socket, head) => this.#onTunnel(request, socket as Socket, head));
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket as Socket, head));
    server.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket));
    return server;
  }

  #accept(socket: Socket): void {
    socket.on('error', ignoreError);
    if (this.#closing.signal.aborted) return void socket.destroy();
    const { clock, clientIdleTimeoutMs, maxHeaderBytes } = this.#options;
    const silent = clock.setTimeout(() => socket.destroy(), clientIdleTimeoutMs);
    this.#connections.set(socket, new ClientConnection(socket, clock));
    socket.once('close', () => {
      silent.cancel();
      this.#connections.delete(socket);
    });
    void new LineEnds(socket, maxHeaderBytes, () => {
      silent.cancel();
      this.#parse(socket);
    });
  }

  #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const added = this.#connections.get(request.socket)?.add(request, response) ?? false;
    if (!added) return void request.socket.destroy();
    serveRequest(this.#context, request, response);
  };

  #onTunnel(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#isOutOfTurn(socket)) return;
    openTunnel(this.#context, request, socket, head);
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#isOutOfTurn(socket)) return;
    if (isWebSocketRequest(request)) return serveUpgrade(this.#context, request, socket, head);
    socket.unshift(withoutUpgrade(request, head));
    this.#parse(socket);
  }

  /** A tunnel behind an unanswered request would write into that request's answer: such a client is cut. */
  #isOutOfTurn(socket: Socket): boolean {
    const busy = this.#connections.get(socket)?.busy ?? true;
    if (busy) socket.destroy();
    return busy || socket.destroyed;
  }

  /** What the parser refused, and clients that were too slow: a page, unless an answer is already running. */
  #onClientError(error: Error, socket: Socket): void {
    const connection = this.#connections.get(socket);
    const failure = describeParserError(error);
    if (connection === undefined || connection.busy || failure === undefined) return void socket.destroy();
    if (!connection.refuse()) return;
    this.#context.stats.countError(failure.code);
    answerAndClose(this.#options.clock, socket, failurePage(failure, undefined));
  }
}
