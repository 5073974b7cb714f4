import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KistError, messageOf } from '../util/errors.js';

/** One file of the site; `sha256` in hexadecimal. */
export interface DemoResource {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  readonly sha256: string;
}

/** Bytes that no two places share, so that anything lost, doubled or moved changes the hash. */
export function demoBytes(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = 0x9e3779b9;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const STYLE = `body { font: 17px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
img { width: 100%; } code { background: #eee; padding: 0 .3em; }`;

const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 120" font-family="sans-serif" font-size="14">
<path d="M60 50H580" stroke="#0757a8" stroke-width="3"/>
${['you', 'relay', 'relay', 'relay', 'page']
  .map((label, i) => {
    const x = 60 + i * 130;
    return `<circle cx="${x}" cy="50" r="16" fill="#0757a8"/><text x="${x}" y="95" text-anchor="middle">${label}</text>`;
  })
  .join('\n')}
</svg>`;

const SCRIPT = `document.getElementById('state').textContent = 'Page, style, picture and script all came through.';`;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>It came through the circuit</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>It came through the circuit</h1>
<img src="/circuit.svg" alt="You, three relays, this page">
<p>This page was carried cell by cell through three relays of this network.</p>
<p id="state">Waiting for the script.</p>
<p>Something larger: <a href="/random.bin">half a megabyte</a>, <a href="/download/5000000">5 MB</a>.</p>
<script src="/script.js"></script>
</body>
</html>
`;

function resource(path: string, type: string, content: string | Buffer): DemoResource {
  const body = Buffer.from(content);
  return { path, type, body, sha256: sha256(body) };
}

const RESOURCES: readonly DemoResource[] = [
  resource('/', 'text/html; charset=utf-8', PAGE),
  resource('/style.css', 'text/css', STYLE),
  resource('/circuit.svg', 'image/svg+xml', PICTURE),
  resource('/script.js', 'text/javascript', SCRIPT),
  resource('/random.bin', 'application/octet-stream', demoBytes(524_288)),
];

const MAX_DOWNLOAD = 50_000_000;

/**
 * A small web site on loopback, so that the embedded network can be tried and tested without the Internet. `/` and its
 * resources, `/download/N` (N bytes of `demoBytes`), and `/upload`, which answers a POST with its size and SHA-256.
 */
export class DemoSite {
  readonly #server: Server;
  #closed: Promise<void> | undefined;

  private constructor() {
    this.#server = createServer((request, response) => serve(request, response));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  static async start(): Promise<DemoSite> {
    const site = new DemoSite();
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error): void => {
        const message = `the demo site cannot listen on 127.0.0.1: ${messageOf(error)}`;
        reject(new KistError('ERR_KIST_LISTEN', message, 'system', error));
      };
      site.#server.once('error', fail);
      site.#server.listen({ host: '127.0.0.1', port: 0 }, () => {
        site.#server.off('error', fail);
        resolve();
      });
    });
    return site;
  }

  /** The page and what it loads. */
  get resources(): readonly DemoResource[] {
    return RESOURCES;
  }

  /** `http://127.0.0.1:PORT`. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#closed;
  }
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  if (path === '/upload' && request.method === 'POST') return answerUpload(request, response);
  request.resume();
  const found = RESOURCES.find((candidate) => candidate.path === path);
  const size = /^\/download\/(\d{1,8})$/.exec(path)?.[1];
  if (found !== undefined) send(response, 200, found.type, found.body);
  else if (size !== undefined && Number(size) <= MAX_DOWNLOAD)
    send(response, 200, 'application/octet-stream', demoBytes(Number(size)));
  else send(response, 404, 'text/plain', Buffer.from(`there is nothing at ${path}\n`));
}

function send(response: ServerResponse, status: number, type: string, body: Buffer): void {
  const headers = { 'content-type': type, 'content-length': body.length, 'cache-control': 'no-store' };
  response.writeHead(status, headers).end(response.req.method === 'HEAD' ? undefined : body);
}

function answerUpload(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => {
    const answer = JSON.stringify({ size, sha256: hash.digest('hex') });
    send(response, 200, 'application/json', Buffer.from(answer));
  });
}
