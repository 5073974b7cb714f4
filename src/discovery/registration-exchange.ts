import { encodeRegistration } from '../dialect/tor61/registration-codec.js';
import type { RegistrationMessage, RegistrationPayload } from '../dialect/tor61/registration-codec.js';
import type { Clock, ClockTimer } from '../util/clock.js';
import { KistError, closedError } from '../util/errors.js';

export interface ExchangeRequest<Answer extends RegistrationPayload['command']> {
  readonly payload: RegistrationPayload;
  readonly answer: Answer;
  /** How often it is sent at most, and the time between two sends. */
  readonly tries: number;
  readonly intervalMs: number;
  /** One refusal by the service's machine is enough to give up. */
  readonly endWhenRefused?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** The message with the given command. */
export type MessageOf<Command extends RegistrationPayload['command']> = RegistrationMessage & {
  command: Command;
};

interface Waiting {
  readonly sequence: number;
  readonly answer: string;
  resolve(message: RegistrationMessage): void;
  reject(error: unknown): void;
  refused(error: Error): void;
}

/** When the machine says that nobody listens there, waiting the whole interval for an answer is of no use. */
const REFUSED_RETRY_MS = 1000;

/**
 * Requests and their answers, one at a time. Each request has its own sequence number, kept when it is sent again;
 * the number also grows when a request is given up, so that its late answer is not taken for the next one's.
 * Knows no socket: `send` puts bytes on the wire, `receive` and `refused` are told what came back.
 */
export class RegistrationExchange {
  readonly #send: (bytes: Buffer) => void;
  readonly #clock: Clock;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting: Waiting | undefined;
  #sequence = 0;
  #closed = false;
  /** Grows when everything queued is to be given up. */
  #epoch = 0;

  constructor(send: (bytes: Buffer) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Resolves to the answer. Rejects with `ERR_KIST_TIMEOUT`, `ERR_KIST_CLOSED` or the signal's reason. */
  request<Answer extends RegistrationPayload['command']>(
    request: ExchangeRequest<Answer>,
  ): Promise<MessageOf<Answer>> {
    const epoch = this.#epoch;
    const turn = this.#tail.then(() => {
      if (this.#closed || epoch !== this.#epoch) throw closedError('the registration client');
      request.signal?.throwIfAborted();
      return this.#run(request);
    });
    this.#tail = turn.catch(() => undefined);
    const answer = turn as Promise<MessageOf<Answer>>;
    return request.signal === undefined ? answer : untilAborted(answer, request.signal);
  }

  /** A message from the service; what no request waits for is ignored. */
  receive(message: RegistrationMessage): void {
    const waiting = this.#waiting;
    if (waiting?.sequence === message.sequence && waiting.answer === message.command)
      waiting.resolve(message);
  }

  /** The last send failed, or the service's machine answered that nobody listens there. */
  refused(error: Error): void {
    this.#waiting?.refused(error);
  }

  /** Rejects the request under way and those that wait; later ones are served. */
  abandon(): void {
    this.#epoch++;
    this.#waiting?.reject(closedError('the registration client'));
  }

  close(): void {
    this.#closed = true;
    this.abandon();
  }

  #run(request: ExchangeRequest<RegistrationPayload['command']>): Promise<RegistrationMessage> {
    const { answer, tries, intervalMs, signal } = request;
    const sequence = this.#sequence;
    const bytes = encodeRegistration({ ...request.payload, sequence });
    let timer: ClockTimer | undefined;
    let sent = 0;
    let cause: Error | undefined;
    const turn = new Promise<RegistrationMessage>((resolve, reject) => {
      const giveUp = (): void => {
        reject(new KistError('ERR_KIST_TIMEOUT', `no answer to ${request.payload.command}`, 'peer', cause));
      };
      const attempt = (): void => {
        if (sent === tries) return giveUp();
        sent++;
        timer = this.#clock.setTimeout(attempt, intervalMs);
        this.#send(bytes);
      };
      const refused = (error: Error): void => {
        cause = error;
        timer?.cancel();
        if (request.endWhenRefused || sent === tries) return giveUp();
        timer = this.#clock.setTimeout(attempt, Math.min(intervalMs, REFUSED_RETRY_MS));
      };
      this.#waiting = { sequence, answer, resolve, reject, refused };
      attempt();
    });
    const onAbort = (): void => this.#waiting?.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    return turn.finally(() => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
      this.#waiting = undefined;
      this.#sequence = (sequence + 1) & 0xff;
    });
  }
}

/** An aborted request that still waits for its turn must not wait for those before it. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
      .catch(() => undefined);
  });
}
