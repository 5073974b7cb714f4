import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { KistError } from '../util/errors.js';
import { answerAndClose } from './closing-answer.js';
import { dial } from './dial.js';
import { EarlyBytes } from './early-bytes.js';
import { describeFailure } from './failure.js';
import { failureText } from './pages.js';
import type { ProxyContext } from './proxy-context.js';
import { splice } from './splice.js';
import { authorityOf, parseAuthority } from './target.js';
import type { DialTarget } from './stream-dialer.js';

/** Serves one CONNECT: 200 once the exit is connected, then bytes both ways; or a short error and the end. */
export function openTunnel(
  context: ProxyContext,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  context.stats.tunnels++;
  let target: DialTarget;
  try {
    target = tunnelTarget(context, request.url ?? '', socket);
  } catch (error) {
    return refuse(context, socket, error, undefined);
  }
  const left = new AbortController();
  const early = new EarlyBytes(socket, head, () => left.abort());
  dial(context, target, left.signal).then(
    (stream) => {
      const chunks = early.take();
      if (socket.destroyed) return void stream.destroy();
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      for (const chunk of chunks) {
        context.stats.bytesUp += chunk.length;
        stream.write(chunk);
      }
      splice(context, socket, stream);
    },
    (error: unknown) => {
      early.take();
      refuse(context, socket, error, authorityOf(target));
    },
  );
}

function tunnelTarget(context: ProxyContext, url: string, socket: Socket): DialTarget {
  const target = parseAuthority(url);
  if (context.isOwnAddress(target.host, target.port, socket.localAddress)) {
    throw new KistError('ERR_KIST_LOOP', `${authorityOf(target)} is this proxy`);
  }
  return target;
}

function refuse(context: ProxyContext, socket: Socket, error: unknown, target: string | undefined): void {
  const failure = describeFailure(error);
  if (failure.code === 'ERR_KIST_CLIENT_LEFT') return void socket.destroy();
  if (socket.destroyed) return;
  context.stats.countError(failure.code);
  context.logger.debug({ target, code: failure.code, cause: failure.cause }, 'A tunnel was refused.');
  answerAndClose(context.clock, socket, failureText(failure, target));
}
