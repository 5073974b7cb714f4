/**
 * The test kit, `kist-relay/testing`: the real scheduler, as it is compiled into the relay, over a manual clock, a
 * scripted TCP_INFO source and channels without sockets. No threads, no sleeps, no network: the same calls give the
 * same cells in the same order on every machine.
 *
 *     const kit = new SchedulerKit({ policy: 'kist', runIntervalMs: 10 });
 *     const channel = kit.channel({ tcpInfo: { cwnd: 10, unacked: 4, mss: 1448, notsent: 1000 } });
 *     const circuit = channel.circuit();
 *     circuit.queue(100);
 *     kit.tick();
 *     channel.limit; // (10 - 4) * 1448 + 10 * 1448 - 1000 = 22168 bytes
 *     kit.takeWrites(); // [{ ..., kind: 'timed', timeMs: 0, channel: 1, circuit: 1, cells: 43 }]
 *
 * Times are milliseconds since the kit was made (fractions down to a nanosecond count), lengths bytes. A wrong argument
 * is a TypeError that names it (`code` ERR_KIST_ARGUMENT); using a closed channel is a KistError ERR_KIST_CLOSED.
 * Nothing runs by itself: cells move inside `tick()` and `advance()` only. `ManualClock` is the clock that every
 * TypeScript object of the library takes.
 */
export { KitChannel } from './kit-channel.js';
export { KitCircuit } from './kit-circuit.js';
export { SchedulerKit } from './scheduler-kit.js';
export type {
  KitChannelOptions,
  KitConfig,
  SchedulerKitOptions,
  TcpInfoEntry,
  TcpInfoFailure,
  TcpInfoFigures,
} from './options.js';
export type { CellWrite, ChannelState, OutbufWrite, RunKind } from './kit-reactor.js';
export type { NativeHistogram, NativeSchedulerStats } from '../native/index.js';
export { ManualClock } from '../util/clock.js';
export type { Clock, ClockTimer } from '../util/clock.js';
