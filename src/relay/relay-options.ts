import { isIPv4 } from 'node:net';
import type { ControlDialect } from '../dialect/control-dialect.js';
import { dialectNamed } from '../dialect/registry.js';
import { routerLabel } from '../dialect/tor61/router-name.js';
import type { Discovery } from '../discovery/discovery.js';
import {
  addressArgument,
  agentIdArgument,
  integerArgument,
  objectArgument,
  portArgument,
  stringArgument,
} from '../native/arguments.js';
import type { NativeSocketOptions } from '../native/binding-types.js';
import { DataPlane } from '../native/data-plane.js';
import type { DataPlaneOptions } from '../native/data-plane-options.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { argumentError } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import type { ExitPolicyOptions } from './exit-policy.js';
import { DEFAULT_LIMITS } from './relay-limits.js';
import type { RelayLimits } from './relay-limits.js';

export interface RelayOptions {
  agentId: number;
  /** As registered; made from the agent ID when left out. */
  name?: string;
  /** Address to listen on (127.0.0.1). */
  host?: string;
  /** Port to listen on; 0 (default) takes a free one. */
  port?: number;
  /** What others are told to connect to, when it differs from `host` (which may be 0.0.0.0). */
  publicHost?: string;
  /** How the relay becomes known; left out, it is not announced. It is closed when the relay stops. */
  discovery?: Discovery;
  /** A data plane to share, or options for one of its own, which ends with the relay. */
  dataPlane?: DataPlane | DataPlaneOptions;
  /** `tor61`. */
  dialect?: string;
  /** `tcp`. */
  transport?: string;
  exit?: ExitPolicyOptions;
  /** Names to addresses at an exit; the system's resolver by default. */
  lookup?: (name: string) => Promise<readonly string[]>;
  limits?: Partial<RelayLimits>;
  socket?: NativeSocketOptions;
  clock?: Clock;
  logger?: Logger;
}

/** RelayOptions with every default filled in. */
export interface ResolvedRelayOptions {
  agentId: number;
  name: string;
  host: string;
  port: number;
  publicHost: string | undefined;
  dialect: ControlDialect;
  transport: string;
  limits: RelayLimits;
  clock: Clock;
  logger: Logger;
}

/** Checks every argument, naming the wrong one in a TypeError, before anything is opened. */
export function resolveRelayOptions(options: RelayOptions): ResolvedRelayOptions {
  objectArgument('options', options);
  const agentId = agentIdArgument('agentId', options.agentId);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  for (const [name, value] of Object.entries(limits))
    integerArgument(`limits.${name}`, value, 0, 2 ** 31 - 1);
  if (options.publicHost !== undefined && !isIPv4(options.publicHost)) {
    throw argumentError('publicHost', 'a dotted IPv4 address', options.publicHost);
  }
  const { dataPlane } = options;
  if (dataPlane !== undefined && !(dataPlane instanceof DataPlane)) objectArgument('dataPlane', dataPlane);
  return {
    agentId,
    name: stringArgument('name', options.name ?? routerLabel(agentId)),
    host: addressArgument('host', options.host ?? '127.0.0.1'),
    port: portArgument('port', options.port ?? 0),
    publicHost: options.publicHost,
    dialect: dialectNamed(options.dialect ?? 'tor61'),
    transport: stringArgument('transport', options.transport ?? 'tcp'),
    limits,
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger(),
  };
}
