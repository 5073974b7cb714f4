import { closedError } from '../util/errors.js';
import type { KitChannel } from './kit-channel.js';
import type { KitReactor } from './kit-reactor.js';
import { integerArgument } from './options.js';

const MAX_CELLS = 10_000_000;

/** A circuit queue: one direction of a circuit, on one channel. Made by `KitChannel.circuit()`. */
export class KitCircuit {
  /** Counted from 1 over the whole kit, in the order of making; breaks ties, as a handle does in a relay. */
  readonly number: number;
  readonly channel: KitChannel;
  readonly #reactor: KitReactor;
  readonly #id: number;

  constructor(number: number, channel: KitChannel, reactor: KitReactor, id: number) {
    this.number = number;
    this.channel = channel;
    this.#reactor = reactor;
    this.#id = id;
  }

  /** Appends cells. The first ones on an empty queue tell the scheduler that the circuit is active. */
  queue(cells: number): this {
    integerArgument('cells', cells, 1, MAX_CELLS);
    this.#checkOpen();
    this.#reactor.native.queueCells(this.#id, cells);
    return this;
  }

  /** Forgets the cells that wait, as a relay does with a circuit that is closed for want of memory. */
  drop(): void {
    this.#checkOpen();
    this.#reactor.native.dropCells(this.#id);
  }

  /** EWMA count: cells sent here, each worth half after every half-life, as of now. Always 0 with `round-robin`. */
  get count(): number {
    return this.#reactor.native.circuitState(this.#id)?.count ?? 0;
  }

  /** Cells that wait. */
  get queued(): number {
    return this.#reactor.native.circuitState(this.#id)?.queued ?? 0;
  }

  /** Cells that left for the outbuf so far. */
  get sent(): number {
    return this.#reactor.native.circuitState(this.#id)?.sent ?? 0;
  }

  #checkOpen(): void {
    if (this.channel.state === 'closed') throw closedError(`channel ${this.channel.number}`);
  }
}
