import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { argumentError } from '../../util/errors.js';
import type { TestNodeRole } from './test-node.js';

/** What an exit accepts unless told otherwise: this machine and private networks, never the Internet. */
export const PRIVATE_EXIT_POLICY: readonly string[] = [
  'accept 127.0.0.0/8:*',
  'accept private:*',
  'reject *:*',
];

/** A part of the network is up, or a step is done. `text` is for people. */
export interface TestNetworkProgress {
  readonly part: 'keys' | TestNodeRole | 'consensus' | 'bootstrapped' | 'ready' | 'lost';
  readonly name: string;
  /** Since the start of the network. */
  readonly seconds: number;
  readonly text: string;
}

export interface TestNetworkOptions {
  /** Directory authorities, 1 to 9 (3). */
  authorities?: number;
  /** Debian relays that accept no streams, 0 to 50 (2). They are the guards. */
  relays?: number;
  /** Debian relays that accept streams, 0 to 50 (1). */
  exits?: number;
  /** Debian clients with a SOCKS and a control port, 0 to 50 (1). */
  clients?: number;
  /**
   * Seconds from one consensus to the next, 10 to 300 (10), and until there is a first one, 5 to 300 (10). Both must
   * divide half an hour.
   */
  votingInterval?: number;
  firstVotingInterval?: number;
  /** Fingerprints that get the Guard flag beside the Debian relays; `['*']` gives it to every relay. */
  guards?: readonly string[];
  /** Of the exits; by default loopback and private addresses and nothing else. */
  exitPolicy?: readonly string[];
  /** As `KISTSchedRunInterval=3`; they stand in every vote. */
  consensusParameters?: readonly string[];
  /** More torrc lines for all nodes or those of one role. */
  torrc?: Partial<Record<TestNodeRole | 'all', readonly string[]>>;
  onProgress?: (progress: TestNetworkProgress) => void;
  /** Aborting it ends a start that is under way. */
  signal?: AbortSignal;
  clock?: Clock;
  /** Where programs are looked for, folders joined by colons; the environment's PATH when left out. */
  path?: string;
}

export type ResolvedTestNetworkOptions = Required<Omit<TestNetworkOptions, 'signal' | 'path'>> &
  Pick<TestNetworkOptions, 'signal' | 'path'>;

const HALF_HOUR = 1800;

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw argumentError(name, `a whole number from ${min} to ${max}`, value);
}

function interval(name: string, value: number, min: number): number {
  whole(name, value, min, 300);
  if (HALF_HOUR % value === 0) return value;
  throw argumentError(name, `a divisor of ${HALF_HOUR}`, value);
}

export function resolveTestNetworkOptions(options: TestNetworkOptions): ResolvedTestNetworkOptions {
  return {
    ...options,
    authorities: whole('authorities', options.authorities ?? 3, 1, 9),
    relays: whole('relays', options.relays ?? 2, 0, 50),
    exits: whole('exits', options.exits ?? 1, 0, 50),
    clients: whole('clients', options.clients ?? 1, 0, 50),
    votingInterval: interval('votingInterval', options.votingInterval ?? 10, 10),
    firstVotingInterval: interval('firstVotingInterval', options.firstVotingInterval ?? 10, 5),
    guards: options.guards ?? [],
    exitPolicy: options.exitPolicy ?? PRIVATE_EXIT_POLICY,
    consensusParameters: options.consensusParameters ?? [],
    torrc: options.torrc ?? {},
    onProgress: options.onProgress ?? (() => undefined),
    clock: options.clock ?? systemClock,
  };
}
