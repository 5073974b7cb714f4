import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RelayInit, RelayLook, RelayOrder, RelayRemains } from './tor-relay-child.js';
import type { Resources } from './resources.js';

type Answer = { readonly value: unknown } | { readonly error: string };

/** The parent's end of tor-relay-child.ts: a relay of ours that is started, stopped and started again. */
export class RelayProcess {
  readonly init: RelayInit;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #turn: Promise<unknown> = Promise.resolve();
  #death: Error | undefined;

  private constructor(init: RelayInit, child: ChildProcess) {
    this.init = init;
    this.#child = child;
    this.#exited = once(child, 'exit').then(([code, signal]) => {
      this.#death = new Error(`the process of ${init.nickname} ended (${String(signal ?? code)})`);
    });
  }

  /** Resolves when the relay has its keys and its port, but does not run. */
  static async start(init: RelayInit): Promise<RelayProcess> {
    const path = fileURLToPath(new URL('tor-relay-child.js', import.meta.url));
    const relay = new RelayProcess(init, fork(path));
    await relay.#ask({ op: 'warmUp', init });
    return relay;
  }

  /** Why the process is gone, if it is. */
  get death(): Error | undefined {
    return this.#death;
  }

  /** Resident bytes, as the kernel counts them; 0 when the process is gone. */
  get rss(): number {
    if (this.#death !== undefined) return 0;
    const [, pages = '0'] = readFileSync(`/proc/${this.#child.pid}/statm`, 'utf8').split(' ');
    return Number(pages) * 4096;
  }

  async run(): Promise<RelayLook> {
    return (await this.#ask({ op: 'start', init: this.init })) as RelayLook;
  }

  async look(): Promise<RelayLook> {
    return (await this.#ask({ op: 'look' })) as RelayLook;
  }

  /** What it holds when nobody uses it any more. */
  async drain(): Promise<Resources> {
    return (await this.#ask({ op: 'drain' })) as Resources;
  }

  async stop(): Promise<RelayRemains> {
    return (await this.#ask({ op: 'stop' })) as RelayRemains;
  }

  /** Bytes of JavaScript objects after a collection. */
  async heap(): Promise<number> {
    return (await this.#ask({ op: 'heap' })) as number;
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited;
  }

  /** One order at a time. */
  #ask(order: RelayOrder): Promise<unknown> {
    const answered = this.#turn.then(async () => {
      if (this.#death !== undefined) throw this.#death;
      const message = once(this.#child, 'message');
      this.#child.send(order);
      const died = this.#exited.then(() => Promise.reject(this.#death ?? new Error('gone')));
      const [answer] = (await Promise.race([message, died])) as [Answer];
      if ('error' in answer) throw new Error(`${this.init.nickname}: ${answer.error}`);
      return answer.value;
    });
    this.#turn = answered.catch(() => undefined);
    return answered;
  }
}
