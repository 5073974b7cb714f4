import type { Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { KistError, codeOf, messageOf } from '../util/errors.js';

/** Listens on `port` or, when it is in use, on one of the `search` ports after it. Gives what was bound. */
export async function listenFrom(
  server: Server,
  host: string,
  port: number,
  search: number,
): Promise<AddressInfo> {
  const last = port === 0 ? 0 : Math.min(65535, port + search);
  for (let tried = port; ; tried++) {
    try {
      return await listenOn(server, host, tried);
    } catch (error) {
      if (codeOf(error) === 'EADDRINUSE' && tried < last) continue;
      throw listenError(host, port, last, error);
    }
  }
}

function listenOn(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(error);
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.removeListener('error', onError);
      resolve(server.address() as AddressInfo);
    });
  });
}

function listenError(host: string, port: number, last: number, error: unknown): KistError {
  const where = last > port ? `any port from ${port} to ${last} of ${host}` : `port ${port} of ${host}`;
  const message = `the HTTP proxy cannot listen on ${where}: ${messageOf(error)}`;
  return new KistError('ERR_KIST_LISTEN', message, 'operator', error);
}
