import type { RemoteInfo, Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { decodeRegistration, encodeRegistration } from '../dialect/tor61/registration-codec.js';
import type { RegistrationMessage } from '../dialect/tor61/registration-codec.js';
import type { Clock } from '../util/clock.js';
import { KistError, messageOf, timeoutError } from '../util/errors.js';
import type { Logger } from '../util/logger.js';
import { bindUdpPortPair } from './udp-port-pair.js';
import type { UdpPortPair } from './udp-port-pair.js';

export interface RegistrationSocketOptions {
  readonly host: string;
  readonly port: number;
  /** By default loopback for a service on loopback, else any address. */
  readonly bind: string | undefined;
  /** Turns a host name into a dotted address; the system's resolver by default. */
  readonly resolve: ((host: string) => Promise<string>) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}

/** Told what arrives: an answer of the service, or that a send was refused. */
export interface RegistrationSocketListener {
  onAnswer(message: RegistrationMessage): void;
  onRefused(error: Error): void;
}

const RESOLVE_TIMEOUT_MS = 5000;

async function resolveBySystem(host: string): Promise<string> {
  return (await lookup(host, { family: 4 })).address;
}

/** A dotted address for `host`, within a deadline. */
async function resolveHost(options: RegistrationSocketOptions): Promise<string> {
  const { host, clock, signal } = options;
  if (isIPv4(host)) return host;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason as Error);
    const onTimeout = (): void => reject(timeoutError(`looking up ${host}`, RESOLVE_TIMEOUT_MS));
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = clock.setTimeout(onTimeout, RESOLVE_TIMEOUT_MS);
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    (options.resolve ?? resolveBySystem)(host).then(resolve, reject).then(done, done);
  });
}

function connect(socket: Socket, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // dgram hands a failure to this same callback.
    socket.connect(port, address, (error?: Error) => (error === undefined ? resolve() : reject(error)));
  });
}

/** The error of everything that needs a service and has none. */
export function unreachableError(host: string, port: number, why: string, cause: unknown): KistError {
  const message =
    `the registration service at ${host}:${port} cannot be reached (${why}); ` +
    'start one with `kist-relay registration`, or name another with --registration HOST:PORT';
  return new KistError('ERR_KIST_REGISTRATION_UNREACHABLE', message, 'operator', cause);
}

/**
 * An agent's two UDP ports. The one for requests is connected: the kernel then drops what others send to it and says
 * at once when nobody listens at the service's port. Probes of the service are answered here, on both ports.
 */
export class RegistrationSocket {
  readonly #options: RegistrationSocketOptions;
  readonly #ports: UdpPortPair;
  /** The service's address; empty while the socket is not connected. */
  #address: string;
  #listener: RegistrationSocketListener | undefined;
  #isClosed = false;

  private constructor(options: RegistrationSocketOptions, ports: UdpPortPair, address: string) {
    this.#options = options;
    this.#ports = ports;
    this.#address = address;
    const { requests, probes } = ports;
    requests.on('message', (bytes, from) => this.#onDatagram(requests, bytes, from));
    requests.on('error', (error) => this.#listener?.onRefused(error));
    probes.on('message', (bytes, from) => this.#onDatagram(probes, bytes, from));
    probes.on('error', (error) => options.logger.debug({ err: error }, 'registration client: probe port'));
  }

  static async open(options: RegistrationSocketOptions): Promise<RegistrationSocket> {
    const { host, port, bind, signal } = options;
    signal?.throwIfAborted();
    let ports: UdpPortPair | undefined;
    try {
      const address = await resolveHost(options);
      ports = await bindUdpPortPair(bind ?? (address.startsWith('127.') ? '127.0.0.1' : '0.0.0.0'));
      await connect(ports.requests, port, address);
      signal?.throwIfAborted();
      return new RegistrationSocket(options, ports, address);
    } catch (error) {
      ports?.requests.close();
      ports?.probes.close();
      if (signal?.aborted || (error instanceof KistError && error.code === 'ERR_KIST_BIND')) throw error;
      throw unreachableError(host, port, messageOf(error), error);
    }
  }

  get port(): number {
    return this.#ports.port;
  }

  get localAddress(): string {
    return this.#ports.requests.address().address;
  }

  set listener(listener: RegistrationSocketListener) {
    this.#listener = listener;
  }

  send(bytes: Buffer): void {
    try {
      this.#ports.requests.send(bytes, (error) => {
        if (error) this.#listener?.onRefused(error);
      });
    } catch (error) {
      // Not connected: the last look-up gave an address that this machine cannot reach.
      this.#listener?.onRefused(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The service may have moved: looks its name up again and connects to the new address. Never rejects. */
  async reresolve(): Promise<void> {
    const { host, port, logger } = this.#options;
    if (isIPv4(host)) return;
    try {
      const address = await resolveHost(this.#options);
      if (address === this.#address || this.#isClosed) return;
      if (this.#address !== '') this.#ports.requests.disconnect();
      this.#address = '';
      await connect(this.#ports.requests, port, address);
      this.#address = address;
    } catch (error) {
      logger.debug({ err: error, host }, 'registration client: cannot reach the service under its name');
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { requests, probes } = this.#ports;
    await Promise.all(
      [requests, probes].map((socket) => new Promise<void>((resolve) => socket.close(resolve))),
    );
  }

  #onDatagram(socket: Socket, bytes: Buffer, from: RemoteInfo): void {
    if (this.#isClosed || from.address !== this.#address) return;
    const { requests } = this.#ports;
    try {
      const message = decodeRegistration(bytes);
      if (message.command === 'probe') {
        const answer = encodeRegistration({ command: 'ack', sequence: message.sequence });
        if (socket === requests) this.send(answer);
        else if (from.port !== 0) socket.send(answer, from.port, from.address, () => undefined);
      } else if (socket === requests && from.port === this.#options.port) {
        this.#listener?.onAnswer(message);
      }
    } catch (error) {
      this.#options.logger.debug({ err: error, from: from.address }, 'registration client: datagram dropped');
    }
  }
}
