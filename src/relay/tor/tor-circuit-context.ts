import type { ControlDialect, PeerId } from '../../dialect/control-dialect.js';
import type { Clock } from '../../util/clock.js';
import type { Logger } from '../../util/logger.js';
import type { ChannelManager } from '../channel-manager.js';
import type { ControlCounters } from '../counters.js';
import type { ExitContext } from '../exit-stream.js';
import type { TorCircuit } from './tor-circuit.js';

/** What the circuits of one Tor relay share. */
export interface TorCircuitContext {
  readonly dialect: ControlDialect;
  readonly channels: ChannelManager;
  readonly exit: ExitContext;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ControlCounters;
  /** Our own fingerprint. */
  readonly selfId: PeerId;
  readonly extendTimeoutMs: number;
  readonly maxStreamsPerCircuit: number;
  /** ExtendAllowPrivateAddresses. */
  readonly allowsPrivateExtends: boolean;
  /** Whether a peer counts as a relay of the network: others get no exit streams (refuse-unknown-exits). */
  isKnownRelay(peer: PeerId | undefined): boolean;
  onCircuitGone(circuit: TorCircuit): void;
}
