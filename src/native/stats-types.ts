/** What `stats()` of the raw addon gives; part of binding-types.ts, which exports it again. */

/** Bucket i counts values in (bounds[i-1], bounds[i]]. Times in nanoseconds. Only buckets in use. */
export interface NativeHistogram {
  total: number;
  sum: number;
  max: number;
  bounds: number[];
  counts: number[];
}

export interface NativeSchedulerStats {
  timedRuns: number;
  drainRuns: number;
  lightRuns: number;
  fullRuns: number;
  tcpInfoCalls: number;
  tcpInfoErrors: number;
  fallbacks: number;
  limitsAtZero: number;
  drainWatches: number;
  lowatCalls: number;
  cellsWritten: number;
  destroysWritten: number;
  bytesWritten: number;
  runsCutShort: number;
  pendingChannels: number;
  runNs: NativeHistogram;
  pendingPerRun: NativeHistogram;
  queueDelayNs: NativeHistogram;
}

export interface NativeReactorStats {
  scheduler: NativeSchedulerStats;
  policy: string;
  channels: number;
  circuits: number;
  streams: number;
  cellsInUse: number;
  turns: number;
  sleeps: number;
  readCalls: number;
  writeCalls: number;
  bytesIn: number;
  bytesOut: number;
  cellsCrossed: number;
  ringFull: number;
  channelPauses: number;
  unknownCells: number;
  droppedCells: number;
  /** CPU time of the reactor's thread, ns. */
  cpuNs: number;
}

export interface NativeOwnerStats {
  owner: number;
  cellsIn: number;
  cellsOut: number;
  /** Relay cells that passed through, away from and toward the origin, and how many of them were visibly DATA. */
  relayedForward: number;
  relayedBackward: number;
  dataForward: number;
  dataBackward: number;
  /** DATA cells unpacked and packed at an edge here. */
  dataUnpacked: number;
  dataPacked: number;
  circuitsCreated: number;
  streamsOpened: number;
}

/** The pool of threads that answer circuit handshakes; the whole data plane's. */
export interface NativeOnionStats {
  /** By the names of ONION_TYPES: answered or found malformed, and refused because the queue was too long or too slow. */
  processed: Record<string, number>;
  dropped: Record<string, number>;
  /** Waiting now. */
  queued: number;
  /** What one handshake of a type costs a thread, as estimated now. */
  costNs: Record<string, number>;
  /** How long requests waited, dropped ones too. */
  queueDelayNs: NativeHistogram;
}

export interface NativeStats {
  reactors: NativeReactorStats[];
  owners: NativeOwnerStats[];
  onions: NativeOnionStats;
  /** By the names of CLOSE_REASONS. */
  channelsClosed: Record<string, number>;
  circuitsClosed: Record<string, number>;
  streamsClosed: Record<string, number>;
  memoryBytes: number;
  memoryBudget: number;
  undeliveredEvents: number;
}
