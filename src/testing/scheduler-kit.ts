import { loadBinding } from '../native/binding.js';
import type { NativeInfo } from '../native/binding-types.js';
import type { NativeSchedulerStats } from '../native/index.js';
import { KistError } from '../util/errors.js';
import { KitChannel } from './kit-channel.js';
import { KitReactor, toMs, toNs } from './kit-reactor.js';
import type { CellWrite, OutbufWrite } from './kit-reactor.js';
import {
  checkChannelOptions,
  checkConfig,
  checkKitOptions,
  checkTcpInfo,
  integerArgument,
  numberArgument,
} from './options.js';
import type { KitChannelOptions, KitConfig, SchedulerKitOptions } from './options.js';

/** Runs at one moment before advance() gives up: a policy that makes no progress must not hang the test. */
const MAX_RUNS_AT_ONCE = 100_000;

/**
 * One or more schedulers that are stepped by their caller. Time stands still outside of `tick()` and `advance()`. With
 * several reactors each has its own channels, counts and runs; they move in lock step: always the one whose run is due
 * first, the lower index at a tie.
 */
export class SchedulerKit {
  readonly #info: NativeInfo;
  readonly #reactors: readonly KitReactor[];
  #channels = 0;
  #circuits = 0;
  #writes: CellWrite[] = [];
  #outbufWrites: OutbufWrite[] = [];

  constructor(options: SchedulerKitOptions = {}) {
    const binding = loadBinding();
    this.#info = binding.info();
    const [config, count] = checkKitOptions(options, this.#info);
    this.#reactors = Array.from({ length: count }, (_, index) => new KitReactor(index, binding, config));
  }

  /** A new channel, open and writable. */
  channel(options: KitChannelOptions = {}): KitChannel {
    const {
      tcpInfo,
      reactor: index = 0,
      ...rest
    } = checkChannelOptions(options, this.#info, this.#reactors.length);
    const reactor = this.#at(index);
    const number = ++this.#channels;
    const id = reactor.addChannel(number, rest);
    if (tcpInfo !== undefined) reactor.native.setTcpInfo(id, 0, checkTcpInfo(tcpInfo));
    return new KitChannel(number, reactor, id, () => ++this.#circuits);
  }

  /** Changes settings of every scheduler while running; limits and times follow from the next run on. */
  configure(config: KitConfig): void {
    checkConfig(config, this.#info);
    for (const { native } of this.#reactors) native.configure(config);
  }

  /** Milliseconds since the kit was made. */
  get nowMs(): number {
    return toMs(this.#nowNs());
  }

  /** When the next run is due; undefined: nothing is pending. */
  get nextWakeMs(): number | undefined {
    const due = this.#dueNs();
    return due === undefined ? undefined : toMs(due);
  }

  /** Moves time to the next run and does it, and those due at the same moment on other reactors. False: none is due. */
  tick(): boolean {
    const due = this.#dueNs();
    if (due === undefined) return false;
    this.#runAt(due);
    return true;
  }

  /** Moves time on, doing every run that falls due on the way; returns how many. */
  advance(ms: number): number {
    numberArgument('ms', ms, 0, 9e9);
    const target = this.#nowNs() + toNs(ms);
    let runs = 0;
    let atOnce = 0;
    let last = -1;
    for (let due = this.#dueNs(); due !== undefined && due <= target; due = this.#dueNs()) {
      atOnce = due > last ? 0 : atOnce + 1;
      if (atOnce > MAX_RUNS_AT_ONCE) {
        throw new KistError('ERR_KIST_NO_PROGRESS', `runs do not come to an end at ${toMs(due)} ms`, 'bug');
      }
      last = due;
      runs += this.#runAt(due);
    }
    for (const reactor of this.#reactors) reactor.moveTo(target);
    return runs;
  }

  /** Lets each reading of the clock take `ms`, so that runs take time and `maxRunMs` can bound them. 0: none again. */
  setClockStep(ms: number): void {
    numberArgument('ms', ms, 0, 1000);
    for (const { native } of this.#reactors) native.setClockStep(toNs(ms));
  }

  /** Cells that moved to an outbuf since the last call, in their exact order. */
  takeWrites(): CellWrite[] {
    const taken = this.#writes;
    this.#writes = [];
    return taken;
  }

  /** Writes of outbufs toward the kernel since the last call, in their exact order. */
  takeOutbufWrites(): OutbufWrite[] {
    const taken = this.#outbufWrites;
    this.#outbufWrites = [];
    return taken;
  }

  /** Counters and histograms of one scheduler since the beginning; times in nanoseconds. */
  stats(reactor = 0): NativeSchedulerStats {
    integerArgument('reactor', reactor, 0, this.#reactors.length - 1);
    return this.#at(reactor).native.stats();
  }

  /** One run on each reactor that is due at `ns`, in index order; the others' clocks come along. */
  #runAt(ns: number): number {
    const due = this.#reactors.filter((reactor) => (reactor.dueNs ?? Infinity) <= ns);
    for (const reactor of this.#reactors) {
      if (!due.includes(reactor)) reactor.moveTo(ns);
    }
    for (const reactor of due) {
      reactor.native.tick();
      reactor.collect(this.#writes, this.#outbufWrites);
    }
    return due.length;
  }

  #nowNs(): number {
    return Math.max(...this.#reactors.map(({ native }) => native.now()));
  }

  #dueNs(): number | undefined {
    const due = Math.min(...this.#reactors.map((reactor) => reactor.dueNs ?? Infinity));
    return due === Infinity ? undefined : due;
  }

  #at(index: number): KitReactor {
    const reactor = this.#reactors[index];
    if (reactor === undefined) throw new RangeError(`there is no reactor ${index}`);
    return reactor;
  }
}
