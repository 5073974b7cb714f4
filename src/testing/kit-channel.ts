import type { NativeScriptedChannelState } from '../native/binding-types.js';
import { argumentError, closedError } from '../util/errors.js';
import { KitCircuit } from './kit-circuit.js';
import { toNs } from './kit-reactor.js';
import type { ChannelState, KitReactor } from './kit-reactor.js';
import { checkEntry, checkTcpInfo, integerArgument } from './options.js';
import type { TcpInfoEntry, TcpInfoFailure, TcpInfoFigures } from './options.js';

const GONE: NativeScriptedChannelState = { state: 'closed', limit: 0, written: 0, outbuf: 0 };

/** A channel without socket, open and writable from the start. Made by `SchedulerKit.channel()`. */
export class KitChannel {
  /** Counted from 1 over the whole kit, in the order of making. */
  readonly number: number;
  /** Index of the scheduler that owns it. */
  readonly reactor: number;
  readonly #reactor: KitReactor;
  readonly #id: number;
  readonly #nextCircuit: () => number;

  constructor(number: number, reactor: KitReactor, id: number, nextCircuit: () => number) {
    this.number = number;
    this.reactor = reactor.index;
    this.#reactor = reactor;
    this.#id = id;
    this.#nextCircuit = nextCircuit;
  }

  /** A new circuit that sends over this channel; its count is 0. */
  circuit(): KitCircuit {
    this.#checkOpen();
    const number = this.#nextCircuit();
    return new KitCircuit(number, this, this.#reactor, this.#reactor.addCircuit(number, this.#id));
  }

  /** `count` new circuits. */
  circuits(count: number): KitCircuit[] {
    integerArgument('count', count, 0, 1_000_000);
    return Array.from({ length: count }, () => this.circuit());
  }

  /** What TCP_INFO of this channel answers, by time. Lines of another time that were given before stay. */
  script(entries: readonly TcpInfoEntry[]): this {
    if (!Array.isArray(entries)) throw argumentError('entries', 'an array', entries);
    const answers = entries.map((entry) => [toNs(entry?.fromMs), checkEntry(entry)] as const);
    this.#checkOpen();
    for (const [fromNs, answer] of answers) this.#reactor.native.setTcpInfo(this.#id, fromNs, answer);
    return this;
  }

  /** What TCP_INFO of this channel answers from now on, until the next line of its script. */
  setTcpInfo(info: TcpInfoFigures | TcpInfoFailure): this {
    const answer = checkTcpInfo(info);
    this.#checkOpen();
    this.#reactor.native.setTcpInfo(this.#id, this.#reactor.native.now(), answer);
    return this;
  }

  /** Queues a DESTROY cell, which goes before circuits but has a bounded share. */
  queueDestroy(): this {
    this.#checkOpen();
    this.#reactor.native.queueDestroy(this.#id);
    return this;
  }

  /** The kernel's buffer drained. False: the scheduler had not asked to be told, so nothing happens. */
  drained(): boolean {
    this.#checkOpen();
    return this.#reactor.native.drained(this.#id);
  }

  /** The kernel takes up to `bytes` of the outbuf now, outside of any run; under 16 KiB the channel may write again. */
  drainOutbuf(bytes: number): this {
    integerArgument('bytes', bytes, 0, 1e12);
    this.#checkOpen();
    this.#reactor.native.drainOutbuf(this.#id, bytes);
    return this;
  }

  /** Bytes that the kernel takes of each write from now on. */
  setKernelTakes(bytes: number | 'everything'): this {
    if (bytes !== 'everything') integerArgument('bytes', bytes, 0, 1e12);
    this.#checkOpen();
    this.#reactor.native.setKernelTakes(this.#id, bytes === 'everything' ? -1 : bytes);
    return this;
  }

  /** Whether the channel may write: false as while it leaves the open state. */
  setWritable(writable: boolean): this {
    if (typeof writable !== 'boolean') throw argumentError('writable', 'true or false', writable);
    this.#checkOpen();
    this.#reactor.native.setWritable(this.#id, writable);
    return this;
  }

  /** Closes it; cells of its circuits are forgotten. Idempotent. */
  close(): void {
    if (this.state !== 'closed') this.#reactor.native.closeChannel(this.#id);
  }

  get state(): ChannelState {
    return this.#look().state as ChannelState;
  }

  /** Write limit of the last run that looked at the channel, bytes. */
  get limit(): number {
    return this.#look().limit;
  }

  /** How much of that limit the run used, bytes on the wire. */
  get written(): number {
    return this.#look().written;
  }

  /** Bytes in the outbuf, records included. */
  get outbuf(): number {
    return this.#look().outbuf;
  }

  #look(): NativeScriptedChannelState {
    return this.#reactor.native.channelState(this.#id) ?? GONE;
  }

  #checkOpen(): void {
    if (this.state === 'closed') throw closedError(`channel ${this.number}`);
  }
}
