/** Bounds and deadlines of a relay's control plane. */
export interface RelayLimits {
  maxChannels: number;
  maxCircuits: number;
  maxStreamsPerCircuit: number;
  connectTimeoutMs: number;
  /** How long the answer to our OPEN may take. */
  openedTimeoutMs: number;
  /** How long an accepted connection may take to send OPEN. */
  openTimeoutMs: number;
  /** How long an EXTEND may take here in all. */
  extendTimeoutMs: number;
  /** How long an exit tries each address. */
  exitConnectTimeoutMs: number;
  resolveTimeoutMs: number;
  /** An open channel that no circuit used for so long is closed; 0: never. */
  channelIdleMs: number;
}

export const DEFAULT_LIMITS: RelayLimits = {
  maxChannels: 10_000,
  maxCircuits: 100_000,
  maxStreamsPerCircuit: 1024,
  connectTimeoutMs: 5000,
  openedTimeoutMs: 5000,
  openTimeoutMs: 10_000,
  extendTimeoutMs: 10_000,
  exitConnectTimeoutMs: 8000,
  resolveTimeoutMs: 5000,
  channelIdleMs: 300_000,
};
