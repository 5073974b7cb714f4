import type { Duplex } from 'node:stream';
import { KistError, closedError, timeoutError } from '../util/errors.js';
import { ignoreError } from './proxy-context.js';
import type { ProxyContext } from './proxy-context.js';
import { authorityOf } from './target.js';
import type { DialTarget } from './stream-dialer.js';

/**
 * Asks the dialer for a stream, bounded by the proxy's connect timeout, by `signal` (the client went away) and
 * by the proxy's own end. A dialer that answers after that gets its stream destroyed, so none is ever left over.
 */
export function dial(context: ProxyContext, target: DialTarget, signal: AbortSignal): Promise<Duplex> {
  const controller = new AbortController();
  return new Promise<Duplex>((resolve, reject) => {
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      context.closing.removeEventListener('abort', onAbort);
      return true;
    };
    const fail = (error: unknown): void => {
      if (!settle()) return;
      reject(error);
      controller.abort(error);
    };
    const onAbort = (): void => fail(context.closing.aborted ? closedError('the HTTP proxy') : clientLeft());
    const timer = context.clock.setTimeout(
      () => fail(timeoutError(`connecting to ${authorityOf(target)}`, context.connectTimeoutMs)),
      context.connectTimeoutMs,
    );
    signal.addEventListener('abort', onAbort);
    context.closing.addEventListener('abort', onAbort);
    if (signal.aborted || context.closing.aborted) return onAbort();
    callDialer(context, target, controller.signal).then((stream) => {
      stream.on('error', ignoreError);
      if (!settle()) return void stream.destroy();
      context.stats.openStreams++;
      stream.once('close', () => context.stats.openStreams--);
      resolve(stream);
    }, fail);
  });
}

/** Not a failure of anyone: nobody waits for the stream any more. */
function clientLeft(): KistError {
  return new KistError('ERR_KIST_CLIENT_LEFT', 'the client left before its stream was open');
}

/** A dialer that throws instead of rejecting is treated alike. */
async function callDialer(context: ProxyContext, target: DialTarget, signal: AbortSignal): Promise<Duplex> {
  return await context.dialer.connect(target, { signal });
}
