/**
 * The raw addon, typed by hand; a test compares this file with what the addon exports. Only binding.ts loads it and
 * only data-plane.ts speaks to it: everything else uses the classes of data-plane.ts.
 *
 * Commands are queued to the reactor that owns what they name and never wait; one that names something gone (an old
 * generation) is ignored. Wrong argument types throw TypeError naming the argument. Answers and everything else that
 * happens come as events, in batches: `onEvents` (given to the constructor) is called once when events turn up, then
 * `drain()` takes them.
 */

import type { NativeSchedulerStats, NativeStats } from './stats-types.js';

export type {
  NativeHistogram,
  NativeOnionStats,
  NativeOwnerStats,
  NativeReactorStats,
  NativeSchedulerStats,
  NativeStats,
} from './stats-types.js';

/** A channel or a circuit: {generation, slot, reactor} packed in 52 bits; never 0. */
export type Handle = number;

export interface NativeBinding {
  readonly DataPlane: new (options: NativeDataPlaneOptions, onEvents: () => void) => NativeDataPlane;
  readonly ScriptedScheduler: new (options: NativeScriptedSchedulerOptions) => NativeScriptedScheduler;
  /** Names in the data plane's tables, and the ABI of the addon. */
  info(): NativeInfo;
}

export interface NativeInfo {
  dialects: string[];
  transports: string[];
  schedulers: string[];
  muxes: string[];
  tcpInfoSources: string[];
}

export interface NativeDataPlaneOptions {
  /** Reactors, 1..63. */
  threads: number;
  /** `epoll`: a thread each. `manual`: none; step() turns them in index order. */
  loop: 'epoll' | 'manual';
  tcpInfoSource: string;
  mux: string;
  scheduler: NativeSchedulerConfig;
  /** Global budget over queues, rings, buffers and undelivered batches, bytes. */
  memoryBudget: number;
  /** A circuit whose full queue moved nothing for so long is closed (Tor61 has no windows). */
  circuitStallMs: number;
  /** A stream whose reader took nothing for so long while over its bound is ended. */
  streamStallMs: number;
  /** A circuit without any cell for so long is reaped; 0 = never. */
  circuitIdleMs: number;
  cellqHigh: number;
  cellqLow: number;
  cellqMax: number;
  /** Threads that answer circuit handshakes (acceptOnion), 1..64; they start with the first that is needed. */
  onionThreads: number;
  /** A circuit handshake that would wait longer is refused. */
  maxOnionQueueDelayMs: number;
}

/** Every field may be left out: it keeps its value. Changeable while running. */
export interface NativeSchedulerConfig {
  policy?: string;
  runIntervalMs?: number;
  minRunGapMs?: number;
  sockBufSizeFactor?: number;
  circuitPriorityHalflifeMs?: number;
  drainWake?: boolean;
  lightWake?: boolean;
  fullWake?: boolean;
  pacingCap?: boolean;
}

export interface NativeSocketOptions {
  congestionControl?: string;
  /** TCP_MAXSEG; for experiments on loopback. */
  maxSegment?: number;
  /** SO_MAX_PACING_RATE, bytes per second. */
  maxPacingRate?: number;
}

export interface NativeEndpoint {
  dialect: string;
  transport: string;
  /** A literal IPv4 or IPv6 address (or a memory hub name): names are resolved in the control plane. */
  host: string;
  port: number;
  /** From addOwner(): whose counters this channel's cells add to. */
  owner: number;
  socket?: NativeSocketOptions;
  /** From addTlsIdentity(): which certificate the transport shows. Needed for `tls`, unused by the others. */
  tlsIdentity?: number;
}

export interface NativeRelayMessage {
  streamId: number;
  command: number;
  body: Uint8Array;
  /** Only sendRelay looks at it: goes as RELAY_EARLY where the dialect has that (an EXTEND2 of our own must). */
  early?: boolean;
}

/** What a relay must know of itself to answer circuit handshakes. */
export interface NativeOnionKeys {
  /** SHA-1 of the RSA identity key, 20 bytes. */
  rsaDigest: Uint8Array;
  /** Ed25519 identity key, 32 bytes. */
  ed25519: Uint8Array;
  /** Curve25519 onion keys, 32 bytes each half: the current one first, then those that clients may still know. */
  keys: { publicKey: Uint8Array; secretKey: Uint8Array }[];
}

export interface NativeDataPlane {
  /** An account for counters; relays that share a data plane have one each. */
  addOwner(): number;
  /** Opens a listening socket at once; throws an Error with `code` (EADDRINUSE, EACCES, ...) when it cannot. */
  listen(endpoint: NativeEndpoint): { listener: number; port: number };
  closeListener(listener: number): void;
  /**
   * A certificate (DER) and its private key (DER, PKCS #8) for `tlsIdentity` of endpoints; throws an Error with the
   * code ERR_KIST_TLS_IDENTITY when they cannot be used.
   */
  addTlsIdentity(certificateDer: Uint8Array, privateKeyDer: Uint8Array): number;
  /** From the next connection on, whoever listens or connects with `identity` shows this certificate. */
  replaceTlsIdentity(identity: number, certificateDer: Uint8Array, privateKeyDer: Uint8Array): void;
  /** Answered by ChannelConnected or ChannelConnectFailed with `token`. `reactor` -1: chosen by turns. */
  connect(token: number, endpoint: NativeEndpoint, timeoutMs: number, reactor: number): void;

  /** Writes one whole cell of the link handshake, straight to the outbuf. */
  sendLinkCell(channel: Handle, cell: Uint8Array): void;
  /** The link cell just delivered is dealt with: the channel goes on reading. */
  releaseLinkCell(channel: Handle): void;
  /**
   * Asks for what the channel's TLS session and certificates are, with keying material exported for `context` (RFC
   * 5705). Answered by LinkExported.
   */
  exportLink(channel: Handle, context: Uint8Array): void;
  /**
   * The link handshake is over: circuits may use the channel. `isInitiator`: our side opened the connection; the
   * dialect says which circuit IDs are then ours.
   */
  openChannel(channel: Handle, isInitiator: boolean): void;
  /** Cells for circuits unknown on this channel are delivered as UnknownCell instead of being dropped. */
  setDeliverUnknown(channel: Handle, enabled: boolean): void;
  /** What was written to it before still goes out, within a bounded time. All its circuits are closed. */
  closeChannel(channel: Handle): void;

  /** CREATE on `channel`, an origin circuit. Answered by CircuitAttached(token), then CircuitCreated or CircuitCreateFailed. */
  createCircuit(token: number, channel: Handle, payload: Uint8Array): void;
  /** Answers a CircuitCreate: sends CREATED, the circuit ends here for now. */
  acceptCircuit(circuit: Handle, payload: Uint8Array): void;
  /** The keys with which circuits on `owner`'s channels are answered from now on; empty `keys` forget the old ones. */
  setOnionKeys(owner: number, keys: NativeOnionKeys): void;
  /** Requests that would wait longer for a thread are refused from now on. */
  setMaxOnionQueueDelay(delayMs: number): void;
  /**
   * Answers a CircuitCreate by its handshake: a thread computes the reply and the circuit's keys, CREATED2 or
   * CREATED_FAST is sent and the circuit ends here for now. `type` is HTYPE of CREATE2 with its HDATA as `skin`, or 1
   * with the body of CREATE_FAST. Answered by CircuitAnswered.
   */
  acceptOnion(circuit: Handle, type: number, skin: Uint8Array): void;
  /** A circuit of our own got one more hop: `keys` are the 72 bytes Df, Db, Kf, Kb of its handshake. */
  addHop(circuit: Handle, keys: Uint8Array): void;
  /** Answers a CircuitCreate with a refusal; the circuit is gone. */
  refuseCircuit(circuit: Handle, reason: number): void;
  /** CREATE toward the next hop. Answered by CircuitAttached (token 0), then CircuitCreated or CircuitCreateFailed. */
  extendCircuit(circuit: Handle, channel: Handle, payload: Uint8Array): void;
  /** Marks the circuit as extending at once: forward cells are held until splice or unextend. */
  holdCircuit(circuit: Handle): void;
  /** After CircuitCreated: from now on forward, and `message` (EXTENDED) goes to the origin, in one step. */
  spliceCircuit(circuit: Handle, message: NativeRelayMessage): void;
  /** The extension failed: an unanswered next hop is forgotten, held cells are for this hop, `message` goes to the origin. */
  unextendCircuit(circuit: Handle, message: NativeRelayMessage): void;
  /** DESTROY to each side that exists (never to a next hop that has not answered CREATED). No CircuitClosed follows. */
  closeCircuit(circuit: Handle, reason: number): void;
  /** A relay message from this end of the circuit. */
  sendRelay(circuit: Handle, message: NativeRelayMessage): void;
  /** Hands in a cell that arrived on another channel of the same peer (see UnknownCell). */
  injectCell(circuit: Handle, cell: Uint8Array, fromNext: boolean): void;

  /** An origin stream: DATA and END that come are StreamData and StreamEnd. BEGIN is sent by sendRelay. */
  openStream(circuit: Handle, streamId: number): void;
  /**
   * An exit stream: connects to a literal address; on success sends `connected` and joins the socket to the stream:
   * StreamConnected, or StreamConnectFailed(errno). DATA that comes before is kept (bounded).
   */
  connectStream(
    circuit: Handle,
    streamId: number,
    host: string,
    port: number,
    timeoutMs: number,
    connected: NativeRelayMessage,
  ): void;
  /** Queues bytes to be packed into DATA cells; StreamWritten says how many left the stream's buffer. The bytes are copied. */
  writeStream(circuit: Handle, streamId: number, bytes: Uint8Array): void;
  /** END after everything written so far. The other direction stays open until its own END. */
  endStream(circuit: Handle, streamId: number): void;
  /** Drops what waits, sends END unless one was sent, and forgets the stream. No StreamClosed follows. */
  resetStream(circuit: Handle, streamId: number): void;
  /** Gives credit for `bytes` of StreamData back: above 1 MiB undelivered the feeding channel is not read. */
  consumed(circuit: Handle, streamId: number, bytes: number): void;

  configureScheduler(config: NativeSchedulerConfig): void;
  stats(): NativeStats;
  /** Takes up to `maxEvents`: a flat array, five places an event: kind, handle, a, b, data. */
  drain(maxEvents: number): NativeEventSlot[];
  /** Manual loop only: moves the clock to `nowNs` (never back), turning every reactor in index order until all are quiet. */
  step(nowNs: number): void;
  /** Manual loop only: nanoseconds of the earliest thing due, or -1. */
  nextWake(): number;
  /** Manual loop only, source `mock`: figures or an error for a channel (0 = all) from a time on. */
  setTcpInfo(channel: Handle, fromNs: number, info: NativeTcpInfo | null): void;
  /** Closes everything, stops and joins the threads. Idempotent. */
  close(): void;
}

export type NativeEventSlot = number | string | Buffer | undefined;

/**
 * Event kinds, with the meaning of (handle; a; b; data). In this order in native/dataplane/event.h.
 */
export const EVENT = {
  /** (channel; listener; 0; "address:port" of the peer) */
  channelAccepted: 1,
  /** (channel; token; 0) */
  channelConnected: 2,
  /** (0; token; errno, 0 = deadline) */
  channelConnectFailed: 3,
  /** (channel; command; circuit ID; whole cell). The channel is held until releaseLinkCell. */
  linkCell: 4,
  /** (channel; CLOSE_REASON; errno). Its circuits' CircuitClosed came before. */
  channelClosed: 5,
  /** (circuit; channel; circuit ID; whole cell). Awaits acceptCircuit, acceptOnion or refuseCircuit. */
  circuitCreate: 6,
  /** (circuit; token, 0 for an extension; circuit ID on the next channel) CREATE was sent. handle 0: it could not be. */
  circuitAttached: 7,
  /** (circuit; 0; 0; whole cell) */
  circuitCreated: 8,
  /** (circuit; CLOSE_REASON, 0 when the peer answered; 0; whole cell or undefined). An origin circuit is gone; an extending one awaits unextendCircuit. */
  circuitCreateFailed: 9,
  /** (circuit; CLOSE_REASON; SIDE) The circuit and its streams are gone. */
  circuitClosed: 10,
  /** (circuit; stream ID; relay command; body) A relay message for the control plane. */
  relayMessage: 11,
  /** (circuit; stream ID; 0; bytes) */
  streamData: 12,
  /** (circuit; stream ID) END came; after all StreamData. */
  streamEnd: 13,
  /** (circuit; stream ID) Exit stream is up, CONNECTED sent. */
  streamConnected: 14,
  /** (circuit; stream ID; errno, 0 = deadline) */
  streamConnectFailed: 15,
  /** (circuit; stream ID; CLOSE_REASON) The stream is forgotten: both sides ended, or it was cut. */
  streamClosed: 16,
  /** (circuit; stream ID; bytes) That many written bytes left the stream's buffer. */
  streamWritten: 17,
  /** (channel; circuit ID; 0; whole cell) */
  unknownCell: 18,
  /** (0; listener; errno) */
  listenerFailed: 19,
  /** (0; level 0 debug .. 3 error; 0; text) */
  log: 20,
  /** (channel; 1, or 0 where the transport has no such thing; 0; exported material, own and peer's certificate, each after its u16 length) */
  linkExported: 21,
  /** (circuit; 0 accepted, else CLOSE_REASON and the circuit is gone, after DESTROY; µs that it waited for a thread) */
  circuitAnswered: 22,
} as const;

/** Kinds of circuit handshakes by their number in CREATE2; `other` stands for all further numbers. */
export const ONION_TYPES = ['tap', 'fast', 'ntor', 'ntor_v3', 'other'] as const;

/** Why a channel, circuit or stream ended. In this order in native/base/close_reason.h. */
export const CLOSE_REASONS = [
  'none',
  'requested', // By our control plane.
  'peer', // The peer closed the connection, sent DESTROY or END.
  'error', // A socket error (errno).
  'malformed', // The peer broke the cell format.
  'stalled', // A full queue or reader moved nothing for too long.
  'queue-full', // The hard limit of a queue.
  'held-too-many', // Too many cells while a decision was pending.
  'memory', // Over the global budget, among the oldest.
  'idle', // No cell for circuitIdleMs.
  'channel-closed', // The channel under it went.
  'exhausted', // No circuit ID or slot free.
  'timeout', // A deadline passed.
  'shutdown', // The data plane stops.
] as const;

export const SIDES = ['here', 'previous-hop', 'next-hop'] as const;

export interface NativeTcpInfo {
  cwnd: number;
  unacked: number;
  mss: number;
  notsent: number;
  pacingRate?: number;
}

export interface NativeScriptedSchedulerOptions extends NativeSchedulerConfig {
  maxRunMs?: number;
  parking?: boolean;
}

export interface NativeScriptedChannelOptions {
  mux?: string;
  /** Bytes per write that the kernel takes; negative: everything. */
  kernelTakes?: number;
  cellBytes?: number;
  recordOverhead?: number;
  /** Tells when it drained. */
  canWatch?: boolean;
  /** Knows TCP_NOTSENT_LOWAT. */
  canLowat?: boolean;
}

export interface NativeScriptedTrace {
  /** Six places a flush: run, kind (0 timed, 1 drain, 2 light, 3 full), time ns, channel, circuit (0: DESTROY), cells. */
  flushes: number[];
  /** Four places a write: run, time ns, channel, bytes. */
  writes: number[];
}

export interface NativeScriptedChannelState {
  /** idle, waiting-for-cells, waiting-to-write, pending, parked or closed. */
  state: string;
  limit: number;
  written: number;
  outbuf: number;
}

export interface NativeScriptedCircuitState {
  /** EWMA count as cells sent now. */
  count: number;
  queued: number;
  sent: number;
}

/** The core of the test kit, over native/sim/scripted_scheduler.h; wrapped by src/testing/. Channels and circuits have numbers from 1. */
export interface NativeScriptedScheduler {
  addChannel(options: NativeScriptedChannelOptions): number;
  addCircuit(channel: number): number;
  queueCells(circuit: number, cells: number): void;
  queueDestroy(channel: number): void;
  dropCells(circuit: number): void;
  closeChannel(channel: number): void;
  /** Channel 0: what channels without a script of their own get. */
  setTcpInfo(channel: number, fromNs: number, info: NativeTcpInfo | 'error' | 'unsupported'): void;
  setKernelTakes(channel: number, bytes: number): void;
  drainOutbuf(channel: number, bytes: number): void;
  /** The kernel's buffer drained. False: nobody asked to be told. */
  drained(channel: number): boolean;
  setWritable(channel: number, writable: boolean): void;
  configure(config: NativeScriptedSchedulerOptions): void;
  now(): number;
  /** The clock moves by this much at each reading, so that runs take time. */
  setClockStep(stepNs: number): void;
  /** Moves the clock, doing every run due on the way; returns how many. */
  advance(durationNs: number): number;
  /** Moves the clock to the next run and does it; false: none is due ever. */
  tick(): boolean;
  /** -1: never. */
  nextWake(): number;
  takeTrace(): NativeScriptedTrace;
  stats(): NativeSchedulerStats;
  channelState(channel: number): NativeScriptedChannelState | undefined;
  circuitState(circuit: number): NativeScriptedCircuitState | undefined;
}
