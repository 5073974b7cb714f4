import type { TorrcConfig } from '../config/torrc/index.js';
import type { MetricsSource } from '../metrics/index.js';
import type { Clock } from '../util/clock.js';
import type { Logger } from '../util/logger.js';

/** Handshakes of one kind since the start: asked for, and answered. */
export interface HandshakeCounts {
  readonly requested: number;
  readonly answered: number;
}

/** What a heartbeat tells; all counted since the start. */
export interface RelayStatus {
  readonly circuits: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connections: {
    readonly receivedIPv4: number;
    readonly receivedIPv6: number;
    readonly initiatedIPv4: number;
    readonly initiatedIPv6: number;
  };
  readonly handshakes: {
    readonly tap: HandshakeCounts;
    readonly ntor: HandshakeCounts;
    readonly ntorV3: HandshakeCounts;
  };
  /** Undefined: no consensus was read yet. */
  readonly isInConsensus: boolean | undefined;
  /** Flags by the consensus, for the service manager's status line. */
  readonly flags?: readonly string[];
}

/** A relay as the `run` command drives it: made -> bound -> started -> stopping (`beginStopping`) -> stopped. */
export interface RunnableRelay {
  /** Opens the listeners, still with the rights of root; without it `start` does everything. */
  bind?(): Promise<void>;
  start(): Promise<void>;
  /** Stops to listen and refuses new circuits; those that exist go on until `stop`. */
  beginStopping(): void;
  /** Ends everything. Bounded, idempotent. */
  stop(): Promise<void>;
  /** Takes over what can change at run time. Rejects, and keeps the old, when that fails. */
  reload(config: TorrcConfig): Promise<void>;
  stats(): RelayStatus;
  /** SIGUSR1: the state in lines for the log. */
  dump(): readonly string[];
  metrics(): MetricsSource;
}

export interface RelayContext {
  readonly logger: Logger;
  readonly clock: Clock;
}

export type RelayFactory = (config: TorrcConfig, context: RelayContext) => Promise<RunnableRelay>;
