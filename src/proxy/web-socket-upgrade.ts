import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { EarlyBytes } from './early-bytes.js';
import { Exchange } from './exchange.js';
import { endToEndHeaders, headerPairs } from './headers.js';
import type { ProxyContext } from './proxy-context.js';
import { splice } from './splice.js';
import type { RequestTarget } from './target.js';

/** Only a WebSocket request without a body is tunnelled; other protocols are not offered to the server. */
export function isWebSocketRequest(request: IncomingMessage): boolean {
  const { headers, method } = request;
  if (method !== 'GET' || headers['transfer-encoding'] !== undefined) return false;
  if (headers['content-length'] !== undefined) return false;
  return headers.upgrade?.trim().toLowerCase() === 'websocket';
}

/** Passes a WebSocket handshake on. After a 101 the bytes flow both ways; any other answer is relayed. */
export function passUpgrade(
  context: ProxyContext,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  target: RequestTarget,
): void {
  context.stats.upgrades++;
  const response = answerOn(request, socket);
  const early = new EarlyBytes(socket, head, () => socket.destroy());
  response.once('finish', () => {
    early.take();
    socket.resume();
    socket.end();
  });
  const exchange = new Exchange(context, request, response, target, (answerHead, stream, first) => {
    response.detachSocket(socket);
    const chunks = early.take();
    socket.write(answerHead, 'latin1');
    context.stats.bytesDown += first.length;
    if (first.length > 0) socket.write(first);
    for (const chunk of chunks) {
      context.stats.bytesUp += chunk.length;
      stream.write(chunk);
    }
    splice(context, socket, stream);
  });
  exchange.run();
}

/** An answer on a socket that the server's parser gave up: its last one. */
export function answerOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  const onDrain = (): void => void response.emit('drain');
  socket.on('drain', onDrain);
  response.once('close', () => socket.removeListener('drain', onDrain));
  return response;
}

/**
 * The same request without its Upgrade, as bytes to be parsed again: a server may always ignore an upgrade,
 * and Node's parser has stopped at one before the body.
 */
export function withoutUpgrade(request: IncomingMessage, head: Buffer): Buffer {
  let text = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
  // The framing stays as it is; everything else that is hop-by-hop can go now.
  for (const [name, value] of headerPairs(request.rawHeaders)) {
    if (name.toLowerCase() === 'transfer-encoding') text += `${name}: ${value}\r\n`;
  }
  for (const [name, value] of headerPairs(endToEndHeaders(request.rawHeaders, [])))
    text += `${name}: ${value}\r\n`;
  return Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]);
}
