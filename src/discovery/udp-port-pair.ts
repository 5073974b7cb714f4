import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { KistError, codeOf, messageOf } from '../util/errors.js';

/** Two bound UDP sockets on adjacent ports: requests leave from `port`, the service's Probes come to `port + 1`. */
export interface UdpPortPair {
  readonly requests: Socket;
  readonly probes: Socket;
  readonly port: number;
}

/** Any free port is often followed by a free one; so many tries without a pair mean that something else is wrong. */
const MAX_TRIES = 64;

function bind(address: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', fail);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function bindError(address: string, error: unknown): KistError {
  const message = `cannot bind two adjacent UDP ports on ${address}: ${messageOf(error)}`;
  const ofMachine = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'].includes(codeOf(error) ?? '');
  return new KistError('ERR_KIST_BIND', message, ofMachine ? 'system' : 'operator', error);
}

/** Binds any free P and P + 1 on `address`. Failure is a KistError `ERR_KIST_BIND`. */
export async function bindUdpPortPair(address: string): Promise<UdpPortPair> {
  let last: unknown = new Error('no free pair was found');
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    let requests: Socket;
    try {
      requests = await bind(address, 0);
    } catch (error) {
      throw bindError(address, error);
    }
    const { port } = requests.address();
    try {
      if (port < 0xffff) return { requests, probes: await bind(address, port + 1), port };
      requests.close();
    } catch (error) {
      requests.close();
      if (codeOf(error) !== 'EADDRINUSE') throw bindError(address, error);
      last = error;
    }
  }
  throw bindError(address, last);
}
