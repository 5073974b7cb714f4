import { isIPv4 } from 'node:net';
import { ExitPolicy } from '../../directory/exit-policy.js';
import type { OnionKeys, RouterIdentity } from '../../identity/index.js';
import {
  addressArgument,
  integerArgument,
  objectArgument,
  portArgument,
  stringArgument,
} from '../../native/arguments.js';
import type { NativeSocketOptions } from '../../native/binding-types.js';
import { DataPlane } from '../../native/data-plane.js';
import type { DataPlaneOptions } from '../../native/data-plane-options.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { argumentError } from '../../util/errors.js';
import { silentLogger } from '../../util/logger.js';
import type { Logger } from '../../util/logger.js';
import { DEFAULT_LIMITS } from '../relay-limits.js';
import type { RelayLimits } from '../relay-limits.js';
import type { DirectoryAuthority } from './directory-client.js';

/** One address that the relay listens at. */
export interface OrPort {
  /** A literal address. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface TorRelayOptions {
  /** Who the relay is; it belongs to the caller, who closes its key directory after `stop()`. */
  identity: RouterIdentity;
  onionKeys: OnionKeys;
  /** 1 to 19 letters and digits. */
  nickname: string;
  /** The public IPv4 address, as the descriptor says it. */
  address: string;
  /** Where it listens; the first IPv4 port is the one that the descriptor says, unless `advertisedPort` does. */
  orPorts: readonly OrPort[];
  advertisedPort?: number;
  /** Without one nothing leaves here. */
  exitPolicy?: ExitPolicy;
  /** Bytes a second, for the descriptor. */
  bandwidth?: { rate: number; burst: number };
  contact?: string;
  /** `$` and fingerprints. */
  family?: readonly string[];
  /** Those that descriptors go to and that the consensus comes from. */
  authorities?: readonly DirectoryAuthority[];
  /** PublishServerDescriptor (true). */
  publishes?: boolean;
  /** ExtendAllowPrivateAddresses (false). */
  allowsPrivateExtends?: boolean;
  /** RefuseUnknownExits (true). */
  refusesUnknownExits?: boolean;
  /** `TestingTorNetwork`: own and private addresses count as public, and a second is a long time. */
  isTesting?: boolean;
  dataPlane?: DataPlane | DataPlaneOptions;
  lookup?: (name: string) => Promise<readonly string[]>;
  limits?: Partial<RelayLimits>;
  socket?: NativeSocketOptions;
  clock?: Clock;
  logger?: Logger;
}

/** What can change while a relay runs. */
export type TorRelayChanges = {
  readonly [Name in 'exitPolicy' | 'contact' | 'family' | 'bandwidth']?: TorRelayOptions[Name] | undefined;
};

/** TorRelayOptions with every default filled in. */
export interface ResolvedTorRelayOptions extends Required<
  Omit<
    TorRelayOptions,
    'advertisedPort' | 'contact' | 'family' | 'dataPlane' | 'lookup' | 'limits' | 'socket'
  >
> {
  readonly limits: RelayLimits;
}

/**
 * For the data plane of Tor relays. Circuits under congestion control may fill a queue far beyond a window; C tor closes
 * them at this many cells too (consensus parameter circ_max_cell_queue_size).
 */
export const TOR_PLANE: DataPlaneOptions = { cellqMax: 50_000 };

/** A relay of the live network moves at least this; what C tor asks for too. */
const DEFAULT_BANDWIDTH = { rate: 1 << 30, burst: 1 << 30 };

/** Checks every argument, naming the wrong one in a TypeError, before anything is opened. */
export function resolveTorRelayOptions(options: TorRelayOptions): ResolvedTorRelayOptions {
  objectArgument('options', options);
  const limits = { ...DEFAULT_LIMITS, channelIdleMs: 3_600_000, ...options.limits };
  for (const [name, value] of Object.entries(limits))
    integerArgument(`limits.${name}`, value, 0, 2 ** 31 - 1);
  const { dataPlane, orPorts, nickname, address } = options;
  if (!/^[A-Za-z0-9]{1,19}$/.test(stringArgument('nickname', nickname)))
    throw argumentError('nickname', '1 to 19 letters and digits', nickname);
  if (!isIPv4(address)) throw argumentError('address', 'a dotted IPv4 address', address);
  if (!Array.isArray(orPorts) || orPorts.length === 0)
    throw argumentError('orPorts', 'at least one address and port', orPorts);
  for (const [index, { host, port }] of orPorts.entries()) {
    addressArgument(`orPorts[${index}].host`, host);
    portArgument(`orPorts[${index}].port`, port);
  }
  if (dataPlane !== undefined && !(dataPlane instanceof DataPlane)) objectArgument('dataPlane', dataPlane);
  return {
    identity: options.identity,
    onionKeys: options.onionKeys,
    nickname,
    address,
    orPorts,
    exitPolicy: options.exitPolicy ?? ExitPolicy.rejectAll(),
    bandwidth: options.bandwidth ?? DEFAULT_BANDWIDTH,
    authorities: options.authorities ?? [],
    publishes: options.publishes ?? true,
    allowsPrivateExtends: options.allowsPrivateExtends ?? options.isTesting ?? false,
    refusesUnknownExits: options.refusesUnknownExits ?? true,
    isTesting: options.isTesting ?? false,
    limits,
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger(),
  };
}
