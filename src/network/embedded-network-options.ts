import type { RelayRecord } from '../discovery/discovery.js';
import type { NativeSocketOptions } from '../native/binding-types.js';
import type { DataPlaneOptions } from '../native/data-plane-options.js';
import { argumentError } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';

/** One part of the network is up. `text` is for people. */
export interface NetworkProgress {
  readonly part: 'registration' | 'page' | 'relay' | 'proxy' | 'site';
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly text: string;
}

export interface EmbeddedNetworkOptions {
  /** Number of relays, 1 to 200 (5). */
  relays?: number;
  /** The proxy's port (8118); when it is in use the next free one within 100. 0: any. */
  proxyPort?: number;
  /** The one data plane that all relays share. */
  dataPlane?: DataPlaneOptions;
  socket?: NativeSocketOptions;
  logger?: Logger;
  onProgress?: (progress: NetworkProgress) => void;
  /** A circuit is ready; its relays in order. Called again for every later one. */
  onCircuit?: (path: readonly RelayRecord[]) => void;
  /** Aborting it ends a start that is under way. */
  signal?: AbortSignal;
}

export type ResolvedNetworkOptions = Required<Omit<EmbeddedNetworkOptions, 'socket' | 'signal'>> &
  Pick<EmbeddedNetworkOptions, 'socket' | 'signal'>;

const MAX_RELAYS = 200;

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw argumentError(name, `a whole number from ${min} to ${max}`, value);
}

/** Checks what is the network's own; the data plane checks its part. */
export function resolveNetworkOptions(options: EmbeddedNetworkOptions): ResolvedNetworkOptions {
  return {
    ...options,
    relays: whole('relays', options.relays ?? 5, 1, MAX_RELAYS),
    proxyPort: whole('proxyPort', options.proxyPort ?? 8118, 0, 0xffff),
    dataPlane: options.dataPlane ?? {},
    logger: options.logger ?? silentLogger(),
    onProgress: options.onProgress ?? (() => undefined),
    onCircuit: options.onCircuit ?? (() => undefined),
  };
}
