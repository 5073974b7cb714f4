import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { KistError } from '../../src/util/errors.js';
import type { DialTarget, StreamDialer } from '../../src/proxy/stream-dialer.js';

/** Opens real sockets, as an exit on this machine would; names all lead to loopback. */
export class NetDialer implements StreamDialer {
  readonly targets: DialTarget[] = [];
  readonly open = new Set<Socket>();

  async connect(target: DialTarget, { signal }: { signal: AbortSignal }): Promise<Duplex> {
    this.targets.push(target);
    const host = target.host === '::1' ? '::1' : '127.0.0.1';
    const socket = connect({ host, port: target.port, allowHalfOpen: true });
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
    return await new Promise<Duplex>((resolve, reject) => {
      const onAbort = (): void => void socket.destroy(new Error('aborted'));
      signal.addEventListener('abort', onAbort);
      socket.once('error', (error) => reject(new KistError('ERR_KIST_STREAM_REFUSED', error.message)));
      socket.once('connect', () => {
        signal.removeEventListener('abort', onAbort);
        resolve(socket);
      });
    });
  }
}

/** Rejects every connect with one error; `undefined` code rejects with something that is no KistError. */
export function failingDialer(code: string | undefined): StreamDialer {
  const error = code === undefined ? new Error('odd') : new KistError(code, `failed with ${code}`);
  return { connect: () => Promise.reject(error) };
}

/** Never answers for port 9, whatever happens to the signal; everything else goes to `next`. */
export class StallingDialer implements StreamDialer {
  readonly #next: StreamDialer;
  readonly #late: ((stream: Duplex) => void)[] = [];
  readonly #waiters: (() => void)[] = [];
  stalled = 0;
  aborted = 0;

  constructor(next: StreamDialer) {
    this.#next = next;
  }

  connect(target: DialTarget, options: { signal: AbortSignal }): Promise<Duplex> {
    if (target.port !== 9) return this.#next.connect(target, options);
    this.stalled++;
    options.signal.addEventListener('abort', () => {
      this.aborted++;
      for (const wake of this.#waiters.splice(0)) wake();
    });
    for (const wake of this.#waiters.splice(0)) wake();
    return new Promise((resolve) => this.#late.push(resolve));
  }

  /** Waits until `condition` holds, looked at whenever a connect stalls or is given up. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Answers the stalled connects after all. */
  answerLate(stream: Duplex): void {
    for (const resolve of this.#late.splice(0)) resolve(stream);
  }
}
