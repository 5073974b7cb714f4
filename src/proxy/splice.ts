import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { codeOf } from '../util/errors.js';
import { IdleTimer } from './idle-timer.js';
import type { ProxyContext } from './proxy-context.js';
import { pump } from './pump.js';
import { resetSocket } from './reset-socket.js';

/**
 * Joins a client's socket and a stream until both directions ended. Each side's end is passed on alone
 * (half-close); the loss of either side resets the other, so that a cut never looks like an end.
 */
export function splice(context: ProxyContext, client: Socket, far: Duplex): void {
  const { stats } = context;
  const idle = new IdleTimer(context.clock, context.idleTimeoutMs, () => {
    stats.countError('ERR_KIST_TIMEOUT');
    client.destroy();
    far.destroy();
  });
  pump(client, far, (count) => {
    stats.bytesUp += count;
    idle.touch();
  });
  pump(far, client, (count) => {
    stats.bytesDown += count;
    idle.touch();
  });
  passEnd(client, far);
  passEnd(far, client);
  far.on('error', (error) => stats.countError(codeOf(error) ?? 'ERR_KIST_UNKNOWN'));
  onClosed(far, () => {
    idle.touch();
    if (!endedWell(far)) resetSocket(client);
    if (client.destroyed) idle.cancel();
  });
  onClosed(client, () => {
    idle.touch();
    if (!endedWell(client)) far.destroy();
    if (far.destroyed) idle.cancel();
  });
}

function passEnd(from: Duplex, to: Duplex): void {
  if (from.readableEnded) to.end();
  else from.once('end', () => to.end());
}

function onClosed(stream: Duplex, react: () => void): void {
  if (stream.closed) react();
  else stream.once('close', react);
}

/** Both directions came to their own end; then the other side may still be flushing what it got. */
function endedWell(stream: Duplex): boolean {
  return stream.readableEnded && stream.writableFinished && stream.errored === null;
}
