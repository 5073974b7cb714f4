import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { AddressInfo } from 'node:net';
import { REGISTRATION_PORT } from '../dialect/tor61/registration-codec.js';
import { KistError, argumentError, messageOf } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import { renderLog, renderRegistrations, registrationsJson } from './registration-html.js';
import type { RegistrationService } from './registration-service.js';

export interface RegistrationPageOptions {
  /** TCP port, 46101 by default (the number of the UDP port); 0 for any free one. */
  port?: number;
  /** Address to bind, 127.0.0.1 by default. */
  bind?: string;
  logger?: Logger;
}

interface Content {
  readonly type: string;
  readonly text: string;
}

const MAX_CONNECTIONS = 64;
const IDLE_MS = 15_000;

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

/** The service's web page: `/` the registrations, `/log` the last 250 log lines, `/registrations.json`. Read-only. */
export class RegistrationPage {
  readonly #server: Server;
  readonly #service: RegistrationService;
  #closed: Promise<void> | undefined;

  private constructor(service: RegistrationService, logger: Logger) {
    this.#service = service;
    this.#server = createServer(
      {
        maxHeaderSize: 8192,
        headersTimeout: 5000,
        requestTimeout: 10_000,
        keepAliveTimeout: 5000,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => this.#onRequest(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    // A reader that stalls in the middle of a page is cut off too.
    this.#server.setTimeout(IDLE_MS);
    this.#server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
      else socket.destroy();
    });
    this.#server.on('error', (error) => logger.warn({ err: error }, 'registration page: server error'));
  }

  /** Listens. Wrong options are TypeErrors; a port in use is a KistError `ERR_KIST_BIND`. */
  static async start(
    service: RegistrationService,
    options: RegistrationPageOptions = {},
  ): Promise<RegistrationPage> {
    const { bind: host = '127.0.0.1', port = REGISTRATION_PORT } = options;
    if (isIP(host) === 0) throw argumentError('bind', 'an IP address', host);
    if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
      throw argumentError('port', 'an integer from 0 to 65535', port);
    }
    const page = new RegistrationPage(service, options.logger ?? silentLogger());
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error): void => {
        const message = `the registration page cannot listen on ${host}:${port}: ${messageOf(error)}`;
        reject(new KistError('ERR_KIST_BIND', message, 'operator', error));
      };
      page.#server.once('error', fail);
      page.#server.listen({ host, port, exclusive: true }, () => {
        page.#server.off('error', fail);
        resolve();
      });
    });
    return page;
  }

  address(): { address: string; port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { address, port };
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#closed;
  }

  #contentOf(path: string): Content | undefined {
    const html = 'text/html; charset=utf-8';
    switch (path) {
      case '/':
        return { type: html, text: renderRegistrations(this.#service) };
      case '/log':
        return { type: html, text: renderLog(this.#service) };
      case '/registrations.json':
        return { type: 'application/json', text: registrationsJson(this.#service) };
      default:
        return undefined;
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // The rest of an upload is not wanted: say so and close.
      const headers = { allow: 'GET, HEAD', connection: 'close', 'content-type': 'text/plain' };
      response.writeHead(405, headers).end('only GET and HEAD are served here\n');
      return;
    }
    const content = this.#contentOf((request.url ?? '/').split('?', 1)[0] ?? '/');
    const { type, text } = content ?? {
      type: 'text/plain',
      text: 'no such page; there are /, /log and /registrations.json\n',
    };
    const headers = { ...SECURITY_HEADERS, 'content-type': type, 'content-length': Buffer.byteLength(text) };
    response
      .writeHead(content === undefined ? 404 : 200, headers)
      .end(request.method === 'HEAD' ? undefined : text);
  }
}
