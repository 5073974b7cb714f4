import type {
  NativeBinding,
  NativeScriptedChannelOptions,
  NativeScriptedScheduler,
} from '../native/binding-types.js';
import type { KitConfig } from './options.js';

/** Why a run took place: the interval, a drained kernel buffer, a light circuit that became active. */
export type RunKind = 'timed' | 'drain' | 'light' | 'full';
const KINDS: readonly RunKind[] = ['timed', 'drain', 'light', 'full'];

/** May it write, has it cells? `parked`: pending, but its limit was 0. */
export type ChannelState =
  'idle' | 'waiting-for-cells' | 'waiting-to-write' | 'pending' | 'parked' | 'closed';

/** Cells of one circuit that went into an outbuf one after the other, or one DESTROY. */
export interface CellWrite {
  reactor: number;
  /** Number of the run on its reactor, from 1. */
  run: number;
  kind: RunKind;
  timeMs: number;
  /** `KitChannel.number` */
  channel: number;
  /** `KitCircuit.number` */
  circuit: number | 'destroy';
  cells: number;
}

/** Bytes of an outbuf, records included, that the kernel took in one write. */
export interface OutbufWrite {
  reactor: number;
  run: number;
  timeMs: number;
  channel: number;
  bytes: number;
}

const NS_PER_MS = 1e6;

export function toNs(ms: number): number {
  return Math.round(ms * NS_PER_MS);
}

export function toMs(ns: number): number {
  return ns / NS_PER_MS;
}

/**
 * One native scheduler of a kit, and the numbers that the kit calls its channels and circuits by (the native ones count
 * from 1 on each reactor). Used by SchedulerKit, KitChannel and KitCircuit only.
 */
export class KitReactor {
  readonly index: number;
  readonly native: NativeScriptedScheduler;
  readonly #channels: number[] = [];
  readonly #circuits: number[] = [];

  constructor(index: number, binding: NativeBinding, config: KitConfig) {
    this.index = index;
    this.native = new binding.ScriptedScheduler(config);
  }

  /** Returns its native number. */
  addChannel(number: number, options: NativeScriptedChannelOptions): number {
    const id = this.native.addChannel(options);
    this.#channels.push(number);
    return id;
  }

  addCircuit(number: number, channel: number): number {
    const id = this.native.addCircuit(channel);
    this.#circuits.push(number);
    return id;
  }

  /** When its next run is due, never before its own now; undefined: never. */
  get dueNs(): number | undefined {
    const wake = this.native.nextWake();
    return wake < 0 ? undefined : Math.max(wake, this.native.now());
  }

  /** Moves its clock up to `ns`. The caller has seen to it that no run is due on the way. */
  moveTo(ns: number): void {
    const behind = ns - this.native.now();
    if (behind > 0) this.native.advance(behind);
  }

  /** Appends what happened since the last call. */
  collect(cells: CellWrite[], outbufs: OutbufWrite[]): void {
    const { flushes, writes } = this.native.takeTrace();
    for (let at = 0; at < flushes.length; at += 6) {
      const [run = 0, kind = 0, time = 0, channel = 0, circuit = 0, count = 0] = flushes.slice(at, at + 6);
      cells.push({
        reactor: this.index,
        run,
        kind: KINDS[kind] ?? 'timed',
        timeMs: toMs(time),
        channel: this.#channels[channel - 1] ?? 0,
        circuit: circuit === 0 ? 'destroy' : (this.#circuits[circuit - 1] ?? 0),
        cells: count,
      });
    }
    for (let at = 0; at < writes.length; at += 4) {
      const [run = 0, time = 0, channel = 0, bytes = 0] = writes.slice(at, at + 4);
      outbufs.push({
        reactor: this.index,
        run,
        timeMs: toMs(time),
        channel: this.#channels[channel - 1] ?? 0,
        bytes,
      });
    }
  }
}
