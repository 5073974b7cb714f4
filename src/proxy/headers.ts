import type { IncomingMessage } from 'node:http';
import { KistError } from '../util/errors.js';
import { badRequest } from './target.js';
import type { RequestTarget } from './target.js';

/** Headers that are about one connection only (RFC 9110 section 7.6.1), never passed on as they are. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Fields that may not come after a body: they frame, route or authenticate a message. */
const NOT_AS_TRAILER =
  /^(host|content-.*|authorization|set-cookie|cookie|cache-control|expect|max-forwards|range|date|location|vary)$/;

/** Methods for which Node would add `Transfer-Encoding: chunked` when no length is given. */
const BODYLESS_METHODS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/** Pairs of a flat `rawHeaders` list. */
export function* headerPairs(raw: readonly string[]): Generator<[name: string, value: string]> {
  for (let i = 0; i + 1 < raw.length; i += 2) yield [raw[i] ?? '', raw[i + 1] ?? ''];
}

/** What is left of `raw` without hop-by-hop headers, those Connection names, and those in `also`. */
export function endToEndHeaders(raw: readonly string[], also: readonly string[]): string[] {
  const dropped = new Set([...HOP_BY_HOP, ...also]);
  for (const [name, value] of headerPairs(raw)) {
    if (name.toLowerCase() !== 'connection') continue;
    for (const token of value.split(',')) {
      // Content-Length decides where the body ends: nobody may have it taken away.
      if (token.trim().toLowerCase() !== 'content-length') dropped.add(token.trim().toLowerCase());
    }
  }
  const kept: string[] = [];
  for (const [name, value] of headerPairs(raw)) if (!dropped.has(name.toLowerCase())) kept.push(name, value);
  return kept;
}

/** Refuses what the parser lets through but no proxy should guess about. */
export function checkRequest(request: IncomingMessage): void {
  const hosts = [...headerPairs(request.rawHeaders)].filter(([name]) => name.toLowerCase() === 'host');
  if (hosts.length > 1) throw badRequest('the request has more than one Host header');
  if (hosts.length === 0 && request.httpVersion === '1.1') throw badRequest('the request has no Host header');
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    throw new KistError(
      'ERR_KIST_UNSUPPORTED',
      `transfer coding ${JSON.stringify(coding)} is not known here`,
    );
  }
}

/** Whether a body follows the request's head. */
export function hasBody(request: IncomingMessage): boolean {
  if (request.headers['transfer-encoding'] !== undefined) return true;
  return Number(request.headers['content-length'] ?? 0) > 0;
}

/** The head for the server, as a flat list; nothing is added that tells of the proxy or the client. */
export function requestHeaders(request: IncomingMessage, target: RequestTarget, upgrade: boolean): string[] {
  const drop = ['host', 'content-length', 'max-forwards'];
  if (request.httpVersion !== '1.1') drop.push('expect');
  const headers = ['Host', target.authority, ...endToEndHeaders(request.rawHeaders, drop)];
  const hops = request.headers['max-forwards'];
  if (typeof hops === 'string') headers.push('Max-Forwards', lessOne(request.method, hops));
  const length = request.headers['content-length'];
  if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  else if (length !== undefined) headers.push('Content-Length', length);
  else if (!BODYLESS_METHODS.has(request.method ?? 'GET')) headers.push('Content-Length', '0');
  if (upgrade) headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
  else headers.push('Connection', 'close');
  return headers;
}

function lessOne(method: string | undefined, hops: string): string {
  const counted = (method === 'OPTIONS' || method === 'TRACE') && /^\d{1,9}$/.test(hops);
  return counted ? String(Math.max(0, Number(hops) - 1)) : hops;
}

/** The head for the client; Node adds its own framing and keep-alive. */
export function answerHeaders(answer: IncomingMessage): string[] {
  const chunked = answer.headers['transfer-encoding'] !== undefined;
  const lengthless = chunked || answer.statusCode === 204;
  return endToEndHeaders(answer.rawHeaders, lengthless ? ['content-length'] : []);
}

/** Trailers that may be passed on, as pairs. */
export function passableTrailers(raw: readonly string[]): [string, string][] {
  return [...headerPairs(raw)].filter(([name, value]) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && !NOT_AS_TRAILER.test(lower) && isClean(name) && isClean(value);
  });
}

/** The head of an answer that is written by hand. Throws where a byte could change its meaning. */
export function answerHead(statusLine: string, raw: readonly string[]): string {
  let head = `${statusLine}\r\n`;
  for (const [name, value] of headerPairs(raw)) head += `${name}: ${value}\r\n`;
  if (!isClean(head.replaceAll('\r\n', ''))) throw new Error('Invalid character in the head');
  return `${head}\r\n`;
}

/** The 101 that opens a WebSocket. */
export function switchingHead(answer: IncomingMessage): string {
  const kept = endToEndHeaders(answer.rawHeaders, ['content-length']);
  const statusLine = `HTTP/1.1 101 ${answer.statusMessage ?? ''}`;
  return answerHead(statusLine, ['Connection', 'Upgrade', 'Upgrade', 'websocket', ...kept]);
}

/** A server's answer is read leniently, so control characters may be left in it. */
function isClean(text: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(text);
}
