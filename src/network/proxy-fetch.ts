import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { KistError } from '../util/errors.js';

/** Where an HTTP proxy listens. */
export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
}

/** What came back: the body itself only where it is small. */
export interface FetchedBody {
  readonly status: number;
  readonly size: number;
  readonly sha256: string;
  readonly text: string;
}

const KEPT_BYTES = 65_536;

function readBody(response: IncomingMessage): Promise<FetchedBody> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      if (size < KEPT_BYTES) kept.push(chunk);
      size += chunk.length;
      hash.update(chunk);
    });
    response.once('error', reject);
    response.once('end', () => {
      const status = response.statusCode ?? 0;
      resolve({ status, size, sha256: hash.digest('hex'), text: Buffer.concat(kept).toString() });
    });
  });
}

function send(
  proxy: ProxyAddress,
  url: string,
  body: Buffer | undefined,
  signal: AbortSignal,
): ClientRequest {
  const method = body === undefined ? 'GET' : 'POST';
  const length = body === undefined ? {} : { 'content-length': String(body.length) };
  const headers = { host: new URL(url).host, ...length };
  return httpRequest({ ...proxy, path: url, method, headers, signal, agent: false }).end(body);
}

/** One request through the proxy: GET, or POST when there is a body. Rejects unless the answer is 200. */
export async function fetchThroughProxy(
  proxy: ProxyAddress,
  url: string,
  options: { body?: Buffer; signal: AbortSignal },
): Promise<FetchedBody> {
  const request = send(proxy, url, options.body, options.signal);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
  const fetched = await readBody(response);
  if (fetched.status === 200) return fetched;
  const words = fetched.text
    .replace(/<style>.*?<\/style>|<[^>]*>/gs, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  throw new KistError('ERR_KIST_SMOKE', `${url} answered ${fetched.status}: ${words.slice(0, 300)}`, 'peer');
}
