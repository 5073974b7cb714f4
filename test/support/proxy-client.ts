import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { HttpProxy } from '../../src/proxy/http-proxy.js';
import type { HttpProxyOptions } from '../../src/proxy/proxy-options.js';
import { NetDialer } from './proxy-dialers.js';
import { WebServer } from './web-server.js';

export interface Bench {
  web: WebServer;
  dialer: NetDialer;
  proxy: HttpProxy;
  port: number;
  close(): Promise<void>;
}

/** A proxy in front of a web server, both on free ports of loopback. */
export async function startBench(options: Partial<HttpProxyOptions> = {}): Promise<Bench> {
  const web = await WebServer.start();
  const dialer = new NetDialer();
  const proxy = new HttpProxy({ dialer, port: 0, ...options });
  const { port } = await proxy.listen();
  const close = async (): Promise<void> => {
    await proxy.close();
    await web.close();
  };
  return { web, dialer, proxy, port, close };
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  rawHeaders: string[];
  trailers: NodeJS.Dict<string>;
  body: Buffer;
}

/** One absolute-form request through the proxy on `port`. */
export function fetchVia(
  port: number,
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: Buffer | string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = httpRequest({
      ...{ host: '127.0.0.1', port, method, path: url, agent: false },
      headers: { host: new URL(url).host, ...headers },
    });
    request.on('error', reject);
    request.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const { statusCode: status = 0, rawHeaders, trailers } = answer;
        resolve({ status, headers: answer.headers, rawHeaders, trailers, body: Buffer.concat(chunks) });
      });
    });
    request.end(body);
  });
}

/** A bare socket to the proxy that keeps what comes. */
export class RawClient {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  readonly #waiters = new Set<() => void>();
  ended = false;
  closed = false;
  error: (Error & { code?: string }) | undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    this.socket.on('error', (error) => (this.error = error));
    this.socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  write(data: string | Buffer): this {
    this.socket.write(data);
    return this;
  }

  /** Waits until `condition` holds; fails when the connection closed before. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.text.slice(0, 300))}`);
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  /** Everything until the proxy ends its side; our side is then closed too. */
  async readAll(): Promise<string> {
    await this.until(() => this.ended);
    this.socket.end();
    return this.text;
  }

  /** Until the proxy ended or reset the connection; our side is then closed too. */
  async untilClosed(): Promise<void> {
    await this.until(() => this.ended || this.closed);
    if (!this.closed) this.socket.end();
    await this.until(() => this.closed);
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}

/** Opens a tunnel and gives the client once the proxy said 200. */
export async function openTunnel(port: number, authority: string): Promise<RawClient> {
  const client = new RawClient(port).write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  await client.until(() => client.text.includes('\r\n\r\n'));
  return client;
}

/** Waits, a loop turn at a time, for something that no event tells; gives up after `ms`. */
export async function eventually(condition: () => boolean, what: string, ms = 5000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
