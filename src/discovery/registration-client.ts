import { isIPv4 } from 'node:net';
import { REGISTRATION_PORT } from '../dialect/tor61/registration-codec.js';
import type { RegistrationEntry, RegistrationPayload } from '../dialect/tor61/registration-codec.js';
import { Backoff } from '../util/backoff.js';
import { systemClock } from '../util/clock.js';
import type { Clock, ClockTimer } from '../util/clock.js';
import { argumentError, closedError, codeOf, messageOf } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import type { RelayRecord } from './discovery.js';
import { RegistrationExchange } from './registration-exchange.js';
import type { ExchangeRequest, MessageOf } from './registration-exchange.js';
import { RegistrationSocket, unreachableError } from './registration-socket.js';

export interface RegistrationClientOptions {
  /** Where the service is: a name or a dotted address, and its UDP port (46101 by default). */
  host: string;
  port?: number;
  /** Address to bind; by default loopback for a service on loopback, else any. */
  bind?: string;
  /** How often a request is sent before it counts as unanswered (3), and the time between two sends. */
  tries?: number;
  registerIntervalMs?: number;
  fetchIntervalMs?: number;
  /** How long `close()` waits at most for the service to confirm the Unregister (2000). */
  unregisterTimeoutMs?: number;
  clock?: Clock;
  random?: () => number;
  logger?: Logger;
  /** Turns a host name into a dotted address; the system's resolver by default. */
  resolve?: (host: string) => Promise<string>;
  signal?: AbortSignal;
}

const MIN_RENEWAL_MS = 1000;
const UNREGISTER_TRIES = 3;

/** A service that says lifetime 0 is not asked more than once a second. */
function renewalDelayMs(lifetimeSeconds: number): number {
  return Math.max(MIN_RENEWAL_MS, (lifetimeSeconds * 1000) / 2);
}

/**
 * An agent's side of the registration service: requests are sent again until answered, and the registration is
 * renewed at half its lifetime for as long as the client is open. A renewal that fails is tried again with back-off
 * for ever, the host name looked up again each time; one log line tells each change between reachable and not.
 */
export class RegistrationClient {
  readonly #options: RegistrationClientOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #socket: RegistrationSocket;
  readonly #exchange: RegistrationExchange;
  readonly #backoff: Backoff;
  #registered: RelayRecord | undefined;
  #renewalTimer: ClockTimer | undefined;
  #isReachable = true;
  #closed: Promise<void> | undefined;

  private constructor(options: RegistrationClientOptions, socket: RegistrationSocket) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger();
    this.#socket = socket;
    this.#exchange = new RegistrationExchange((bytes) => socket.send(bytes), this.#clock);
    this.#backoff = new Backoff({ initialMs: 1000, maxMs: 30_000, random: options.random ?? Math.random });
    socket.listener = {
      onAnswer: (message) => this.#exchange.receive(message),
      onRefused: (error) => this.#exchange.refused(error),
    };
  }

  /** Resolves the service's name and binds the ports; sends nothing yet. */
  static async open(options: RegistrationClientOptions): Promise<RegistrationClient> {
    const { host, port = REGISTRATION_PORT, bind, resolve, signal } = options;
    if (typeof host !== 'string' || host === '') throw argumentError('host', 'a host name or address', host);
    if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
      throw argumentError('port', 'an integer from 1 to 65535', port);
    }
    if (bind !== undefined && !isIPv4(bind)) throw argumentError('bind', 'a dotted IPv4 address', bind);
    const clock = options.clock ?? systemClock;
    const logger = options.logger ?? silentLogger();
    const socket = await RegistrationSocket.open({ host, port, bind, resolve, clock, logger, signal });
    return new RegistrationClient(options, socket);
  }

  /** Port P, where requests leave from; Probes are expected at P + 1. */
  get port(): number {
    return this.#socket.port;
  }

  /** The address of this machine that reaches the service: what to register when a relay listens on any address. */
  get localAddress(): string {
    return this.#socket.localAddress;
  }

  /** Registers and keeps the registration alive until `close()`. Resolves to the lifetime in seconds. */
  async register(relay: RelayRecord, signal?: AbortSignal): Promise<number> {
    const before = this.#registered;
    // Set before the answer: a `close()` in between must take back what the service may have entered already.
    this.#registered = relay;
    try {
      const lifetime = await this.#register(relay, signal);
      if (this.#registered === relay) this.#renewIn(renewalDelayMs(lifetime));
      return lifetime;
    } catch (error) {
      if (this.#registered === relay) this.#registered = before;
      throw error;
    }
  }

  /** The registrations whose name starts with `prefix`, one per address and port; the protocol allows about 100. */
  async fetch(prefix: string, signal?: AbortSignal): Promise<RegistrationEntry[]> {
    const answer = await this.#request({
      payload: { command: 'fetch', prefix },
      answer: 'fetchResponse',
      tries: this.#options.tries ?? 3,
      intervalMs: this.#options.fetchIntervalMs ?? 3000,
      signal,
    });
    const byAddress = new Map(answer.entries.map((entry) => [`${entry.ip}:${entry.port}`, entry]));
    return [...byAddress.values()];
  }

  /** Ends the registration, if there is one. Best effort: a service that is away forgets it by itself. */
  async unregister(): Promise<void> {
    const relay = this.#registered;
    this.#registered = undefined;
    this.#renewalTimer?.cancel();
    if (relay === undefined) return;
    try {
      await this.#exchange.request({
        payload: { command: 'unregister', ip: relay.host, port: relay.port },
        answer: 'ack',
        tries: UNREGISTER_TRIES,
        intervalMs: (this.#options.unregisterTimeoutMs ?? 2000) / UNREGISTER_TRIES,
        endWhenRefused: true,
      });
    } catch (error) {
      this.#logger.debug({ err: error }, 'registration client: could not unregister');
    }
  }

  /** Gives up what is under way, unregisters (bounded) and releases the ports. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    this.#exchange.abandon();
    await this.unregister();
    this.#exchange.close();
    await this.#socket.close();
  }

  async #register(relay: RelayRecord, signal?: AbortSignal): Promise<number> {
    const { name, host, port, agentId } = relay;
    const answer = await this.#request({
      payload: { command: 'register', ip: host, port, data: agentId, name },
      answer: 'registered',
      tries: this.#options.tries ?? 3,
      intervalMs: this.#options.registerIntervalMs ?? 4000,
      signal,
    });
    return answer.lifetimeSeconds;
  }

  /** A request whose silence means that the service cannot be reached, and is told as such. */
  async #request<Answer extends RegistrationPayload['command']>(
    request: ExchangeRequest<Answer>,
  ): Promise<MessageOf<Answer>> {
    if (this.#closed !== undefined) throw closedError('the registration client');
    try {
      return await this.#exchange.request(request);
    } catch (error) {
      if (codeOf(error) !== 'ERR_KIST_TIMEOUT') throw error;
      const why = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : 'no answer';
      const { host, port = REGISTRATION_PORT } = this.#options;
      throw unreachableError(host, port, `${why}, ${request.tries} tries`, error);
    }
  }

  #renewIn(ms: number): void {
    this.#renewalTimer?.cancel();
    if (this.#closed !== undefined) return;
    this.#renewalTimer = this.#clock.setTimeout(() => void this.#renew(), ms);
  }

  /** Never rejects. */
  async #renew(): Promise<void> {
    const relay = this.#registered;
    if (relay === undefined || this.#closed !== undefined) return;
    let nextMs: number;
    try {
      nextMs = renewalDelayMs(await this.#register(relay));
      this.#backoff.reset();
      if (!this.#isReachable) this.#logger.info('the registration service answers again');
      this.#isReachable = true;
    } catch (error) {
      if (this.#closed !== undefined) return;
      nextMs = this.#backoff.next();
      if (this.#isReachable) this.#logger.warn({ err: error }, 'cannot renew the registration; trying on');
      this.#isReachable = false;
      await this.#socket.reresolve();
    }
    // An `unregister()` or another `register()` may have come in between; then this renewal has no successor.
    if (this.#registered === relay) this.#renewIn(nextMs);
  }
}
