import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import {
  MAX_FETCH_ENTRIES,
  MAX_REQUEST_BYTES,
  REGISTRATION_PORT,
  decodeRegistration,
  describeRegistration,
  encodeRegistration,
  quote,
} from '../dialect/tor61/registration-codec.js';
import type { RegistrationMessage, RegistrationPayload } from '../dialect/tor61/registration-codec.js';
import { systemClock } from '../util/clock.js';
import type { Clock, ClockTimer } from '../util/clock.js';
import { KistError, argumentError, messageOf } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import { RegistrationLog } from './registration-log.js';
import { RegistrationProber } from './registration-prober.js';
import { RegistrationTable } from './registration-table.js';
import type { Registration } from './registration-table.js';

export interface RegistrationServiceOptions {
  /** UDP port, 46101 by default; 0 for any free one. */
  port?: number;
  /** Address to bind, 127.0.0.1 by default: the service is open to nobody else unless told. */
  bind?: string;
  /** Lifetime of a registration in seconds, 300 by default. Below 60 only with a clock of one's own. */
  lifetimeSeconds?: number;
  /** Most registrations in all (4096) and from one source address (1024). */
  capacity?: number;
  perAddress?: number;
  /** Time between two Probes to an agent, 20,000 ms by default; 0 sends none. */
  probeIntervalMs?: number;
  /** An agent that has answered Probes before is dropped when it missed so many in a row (3). */
  probeMisses?: number;
  clock?: Clock;
  random?: () => number;
  logger?: Logger;
}

export interface RegistrationServiceStats {
  received: number;
  answered: number;
  /** Datagrams that are no message of this protocol, or a message that no agent sends to a service. */
  dropped: number;
  /** Registers turned away because the table, or one address's part of it, was full. */
  refused: number;
  expired: number;
  /** Registrations removed because their agent stopped answering Probes. */
  gone: number;
  registrations: number;
}

const LOG_LINES = 250;
const SWEEP_MS = 1000;
const MIN_LIFETIME_SECONDS = 60;

function checkedInteger(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw argumentError(name, `an integer from ${min} to ${max}`, value);
}

function bindUdp(address: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const fail = (error: Error): void => {
      const message = `the registration service cannot bind UDP ${address}:${port}: ${error.message}`;
      socket.close();
      reject(new KistError('ERR_KIST_BIND', message, 'operator', error));
    };
    socket.once('error', fail);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

/**
 * The Tor61 registration service: one UDP port, a bounded table, no state per request. Every request is idempotent,
 * so a retransmission is simply answered again. What cannot be answered is counted, logged and dropped.
 */
export class RegistrationService {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #table: RegistrationTable;
  readonly #log = new RegistrationLog(LOG_LINES);
  readonly #prober: RegistrationProber | undefined;
  readonly #address: { address: string; port: number };
  readonly lifetimeSeconds: number;
  readonly #stats = { received: 0, answered: 0, dropped: 0, refused: 0, expired: 0, gone: 0 };
  #sweepTimer: ClockTimer | undefined;
  #probeSequence = 0;
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket, options: RegistrationServiceOptions) {
    this.#socket = socket;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger();
    this.lifetimeSeconds = options.lifetimeSeconds ?? 300;
    this.#address = socket.address();
    this.#table = new RegistrationTable({
      capacity: options.capacity ?? 4096,
      perAddress: options.perAddress ?? 1024,
      random: options.random ?? Math.random,
    });
    const intervalMs = options.probeIntervalMs ?? 20_000;
    const send = (address: string, port: number): void => this.#probe(address, port);
    if (intervalMs > 0) {
      this.#prober = new RegistrationProber(this.#table, {
        intervalMs,
        misses: options.probeMisses ?? 3,
        send,
      });
    }
    socket.on('message', (bytes, from) => this.#onDatagram(bytes, from));
    socket.on('error', (error) => this.#logger.warn({ err: error }, 'registration service: socket error'));
    this.#armSweep();
  }

  /** Binds and starts. Wrong options are TypeErrors; a port in use is a KistError `ERR_KIST_BIND`. */
  static async start(options: RegistrationServiceOptions = {}): Promise<RegistrationService> {
    const port = checkedInteger('port', options.port ?? REGISTRATION_PORT, 0, 0xffff);
    const bind = options.bind ?? '127.0.0.1';
    if (!isIPv4(bind)) throw argumentError('bind', 'a dotted IPv4 address', bind);
    const ownClock = options.clock !== undefined && options.clock !== systemClock;
    // Agents in the field renew up to 30 s before the end: a lifetime near that would make them spin.
    const shortest = ownClock ? 1 : MIN_LIFETIME_SECONDS;
    checkedInteger('lifetimeSeconds', options.lifetimeSeconds ?? 300, shortest, 0xffff);
    checkedInteger('capacity', options.capacity ?? 4096, 1, 1_000_000);
    checkedInteger('perAddress', options.perAddress ?? 1024, 1, 1_000_000);
    checkedInteger('probeIntervalMs', options.probeIntervalMs ?? 0, 0, 86_400_000);
    checkedInteger('probeMisses', options.probeMisses ?? 3, 1, 1000);
    const service = new RegistrationService(await bindUdp(bind, port), options);
    const { address, port: bound } = service.address();
    service.#logger.info({ address, port: bound }, 'registration service is up');
    return service;
  }

  address(): { address: string; port: number } {
    return { address: this.#address.address, port: this.#address.port };
  }

  /** Those alive now, by name. */
  registrations(): Registration[] {
    this.#expire();
    const byName = (a: Registration, b: Registration): number =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : a.port - b.port;
    return [...this.#table.values()].sort(byName);
  }

  /** The last 250 lines of activity, oldest first. */
  logLines(): string[] {
    return this.#log.lines();
  }

  stats(): RegistrationServiceStats {
    return { ...this.#stats, registrations: this.#table.size };
  }

  /** The clock that the times of `registrations()` are on. */
  now(): number {
    return this.#clock.now();
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#sweepTimer?.cancel();
      this.#socket.close(resolve);
    });
    return this.#closed;
  }

  #note(text: string): void {
    this.#log.add(this.#clock.date(), text);
  }

  #onDatagram(bytes: Buffer, from: RemoteInfo): void {
    if (this.#closed !== undefined) return;
    this.#stats.received++;
    const who = `${from.address}:${from.port}`;
    const shown = bytes.subarray(0, MAX_REQUEST_BYTES).toString('hex');
    const cut = bytes.length > MAX_REQUEST_BYTES ? `... (${bytes.length} bytes)` : '';
    this.#note(`from ${who}: ${shown}${cut}`);
    try {
      const message = decodeRegistration(bytes);
      this.#note(`from ${who}: ${describeRegistration(message)}`);
      // Port 0 cannot be answered: only a forged datagram comes from there.
      if (from.port === 0) this.#drop(who, 'there is no port to answer to');
      else this.#handle(message, from, who);
    } catch (error) {
      this.#drop(who, messageOf(error));
      if (!(error instanceof KistError)) this.#logger.error({ err: error }, 'registration service: bug');
    }
  }

  #drop(who: string, why: string): void {
    this.#stats.dropped++;
    this.#note(`from ${who}: dropped: ${why}`);
    this.#logger.debug({ from: who, why }, 'registration service: datagram dropped');
  }

  #handle(message: RegistrationMessage, from: RemoteInfo, who: string): void {
    this.#expire();
    const answer = (payload: RegistrationPayload): void => {
      this.#stats.answered++;
      this.#send({ ...payload, sequence: message.sequence }, from.address, from.port);
    };
    switch (message.command) {
      case 'register':
        if (this.#register(message, from, who)) {
          answer({ command: 'registered', lifetimeSeconds: this.lifetimeSeconds });
        }
        return;
      case 'fetch':
        answer({ command: 'fetchResponse', entries: this.#table.fetch(message.prefix, MAX_FETCH_ENTRIES) });
        return;
      case 'unregister':
        // Answered for unknown entries too: agents begin with one to clear what an earlier run left.
        this.#table.delete(message.ip === '0.0.0.0' ? from.address : message.ip, message.port);
        answer({ command: 'ack' });
        return;
      case 'probe':
        answer({ command: 'ack' });
        return;
      case 'ack':
        this.#prober?.acknowledge(from.address, from.port);
        return;
      case 'registered':
      case 'fetchResponse':
        this.#drop(who, `${message.command} is for agents, not for the service`);
    }
  }

  #register(message: RegistrationMessage & { command: 'register' }, from: RemoteInfo, who: string): boolean {
    if (message.port === 0) {
      this.#drop(who, 'port 0 cannot be connected to');
      return false;
    }
    const now = this.#clock.now();
    const result = this.#table.put({
      name: message.name,
      ip: message.ip === '0.0.0.0' ? from.address : message.ip,
      port: message.port,
      agentId: message.data,
      sourceAddress: from.address,
      sourcePort: from.port,
      since: now,
      expiresAt: now + this.lifetimeSeconds * 1000,
    });
    if (result === 'table full' || result === 'address full') {
      this.#stats.refused++;
      this.#note(`from ${who}: refused: ${result}`);
      return false;
    }
    this.#prober?.heardFrom(from.address, from.port, now);
    if (result === 'added') {
      this.#logger.info(
        { name: quote(message.name), port: message.port },
        'registration service: registered',
      );
    }
    return true;
  }

  #expire(): void {
    for (const { name, ip, port } of this.#table.expire(this.#clock.now())) {
      this.#stats.expired++;
      this.#note(`expired: ${quote(name)} ${ip}:${port}`);
    }
  }

  #armSweep(): void {
    this.#sweepTimer = this.#clock.setTimeout(() => {
      this.#expire();
      for (const { name, ip, port } of this.#prober?.sweep(this.#clock.now()) ?? []) {
        this.#table.delete(ip, port);
        this.#stats.gone++;
        this.#note(`gone: ${quote(name)} ${ip}:${port} answers no Probe any more`);
      }
      this.#armSweep();
    }, SWEEP_MS);
  }

  #probe(address: string, port: number): void {
    this.#send({ command: 'probe', sequence: this.#probeSequence }, address, port);
    this.#probeSequence = (this.#probeSequence + 1) & 0xff;
  }

  #send(message: RegistrationMessage, address: string, port: number): void {
    this.#note(`to ${address}:${port}: ${describeRegistration(message)}`);
    this.#socket.send(encodeRegistration(message), port, address, (error) => {
      if (error) this.#logger.debug({ err: error, address, port }, 'registration service: cannot send');
    });
  }
}
