import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../util/clock.js';
import { IdleTimer } from './idle-timer.js';
import { pageBytes, reasonOf } from './pages.js';
import type { Page } from './pages.js';
import type { ProxyContext } from './proxy-context.js';

/** How long a client may still send after an answer that ends its connection. */
const LINGER_MS = 2000;

/**
 * Writes a last answer on a bare socket and closes it. What the client still sends is read and dropped for a
 * moment: closing with unread bytes would reset the connection and could cost the client the answer.
 */
export function answerAndClose(clock: Clock, socket: Socket, page: Page): void {
  if (socket.destroyed || !socket.writable) return void socket.destroy();
  const timer = clock.setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => timer.cancel());
  if (socket.readableEnded) socket.once('finish', () => socket.destroy());
  else socket.once('end', () => socket.destroySoon());
  socket.end(pageBytes(page));
  socket.resume();
}

/** Ends an answer whose request may still be on its way, without resetting the client's connection. */
export function endAnswer(
  context: ProxyContext,
  request: IncomingMessage,
  response: ServerResponse,
  body?: Buffer,
): void {
  if (request.complete || response.destroyed) {
    response.end(body);
    request.resume();
    return;
  }
  const last = !response.shouldKeepAlive;
  const patience = new IdleTimer(context.clock, last ? LINGER_MS : context.idleTimeoutMs, () => {
    if (last) response.end();
    else request.destroy();
  });
  request.on('close', () => patience.cancel());
  request.on('end', () => {
    patience.cancel();
    if (last) response.end();
  });
  if (!last) {
    request.on('data', () => patience.touch());
    response.end(body);
  } else if (body !== undefined && request.method !== 'HEAD') response.write(body);
  else response.flushHeaders();
  request.resume();
}

/** Sends a page as the answer to a request. */
export function sendPage(
  context: ProxyContext,
  request: IncomingMessage,
  response: ServerResponse,
  page: Page,
): void {
  // With its own reason: a refused answer may have left a bad one behind.
  response.writeHead(page.status, reasonOf(page.status), page.headers);
  endAnswer(context, request, response, request.method === 'HEAD' ? undefined : page.body);
}
