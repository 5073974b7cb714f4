import { CLOSE_REASONS, EVENT } from '../../src/native/binding-types.js';
import type {
  NativeBinding,
  NativeDataPlane,
  NativeDataPlaneOptions,
  NativeEventSlot,
  NativeInfo,
} from '../../src/native/binding-types.js';
import { DataPlane } from '../../src/native/data-plane.js';
import type { CloseReason } from '../../src/native/listeners.js';

export interface NativeCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

export type EventName = keyof typeof EVENT;

const INFO: NativeInfo = {
  dialects: ['tor61', 'tor'],
  transports: ['tcp', 'memory', 'tls'],
  schedulers: ['kist', 'kist-lite', 'vanilla'],
  muxes: ['ewma', 'round-robin'],
  tcpInfoSources: ['kernel', 'mock'],
};

/** A scripted data plane: it notes every command and does nothing; the test says what happens. */
export class FakeNative {
  readonly calls: NativeCall[] = [];
  readonly events: NativeEventSlot[] = [];
  readonly plane: DataPlane;
  options: NativeDataPlaneOptions | undefined;
  drains = 0;
  /** Thrown by the next listen(). */
  listenError: Error | undefined;
  #onEvents: () => void = () => undefined;

  constructor() {
    const note = (method: string, args: readonly unknown[]): unknown => this.#called(method, args);
    const native = new Proxy({} as NativeDataPlane, {
      get:
        (_target, method) =>
        (...args: unknown[]) =>
          note(String(method), args),
    });
    const setUp = (options: NativeDataPlaneOptions, onEvents: () => void): void => {
      this.options = options;
      this.#onEvents = onEvents;
    };
    function FakeDataPlane(options: NativeDataPlaneOptions, onEvents: () => void): NativeDataPlane {
      setUp(options, onEvents);
      return native;
    }
    const binding = { DataPlane: FakeDataPlane, ScriptedScheduler: FakeDataPlane, info: () => INFO };
    this.plane = new DataPlane({}, { binding: binding as unknown as NativeBinding });
  }

  /** Makes something happen; listeners have heard of it when this returns (up to 256 events at once). */
  emit(name: EventName, handle: number, a = 0, b = 0, data?: NativeEventSlot): void {
    this.queue(name, handle, a, b, data);
    this.wake();
  }

  queue(name: EventName, handle: number, a = 0, b = 0, data?: NativeEventSlot): void {
    this.events.push(EVENT[name], handle, a, b, data);
  }

  wake(): void {
    this.#onEvents();
  }

  /** The calls of one method so far, their arguments. */
  args(method: string): (readonly unknown[])[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.args);
  }

  count(method: string): number {
    return this.args(method).length;
  }

  last(method: string): readonly unknown[] {
    const args = this.args(method).at(-1);
    if (args === undefined) throw new Error(`${method} was not called`);
    return args;
  }

  #called(method: string, args: readonly unknown[]): unknown {
    if (method === 'drain') {
      this.drains++;
      return this.events.splice(0, (args[0] as number) * 5);
    }
    this.calls.push({ method, args });
    if (method === 'addOwner') return 1;
    if (method === 'addTlsIdentity') return this.count(method);
    if (method === 'listen') {
      if (this.listenError !== undefined) throw this.listenError;
      return { listener: 1, port: 4000 };
    }
    if (method === 'stats') return { reactors: [], owners: [{ owner: 1, cellsIn: 7 }] };
    return undefined;
  }
}

export function reasonNumber(reason: CloseReason): number {
  return CLOSE_REASONS.indexOf(reason);
}

/** Lets promises settle. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
