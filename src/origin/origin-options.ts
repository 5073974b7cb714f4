import { integerArgument, objectArgument } from '../native/arguments.js';
import type { Discovery } from '../discovery/discovery.js';
import type { ChannelManager } from '../relay/channel-manager.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { argumentError } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';

export interface OriginOptions {
  /** The channels circuits go out on: `relay.channels`. */
  channels: ChannelManager;
  discovery: Pick<Discovery, 'relays'>;
  /** Agent ID of the own router, which is then not chosen as exit where others are. */
  selfId?: number;
  /** Connections of a circuit (3). */
  length?: number;
  /** Pause after each answer while building; 300 helps agents that lose cells sent at once (0). */
  hopDelayMs?: number;
  createTimeoutMs?: number;
  extendTimeoutMs?: number;
  /** For CONNECTED, and for a request in all. */
  streamTimeoutMs?: number;
  /** Longest a request waits for a circuit. */
  circuitWaitMs?: number;
  /** Longest one attempt at a circuit may take, relay list included. */
  buildTimeoutMs?: number;
  /** So many BEGINs in a row without any answer, and the circuit counts as dead (3). */
  maxSilentBegins?: number;
  /** First and longest wait between two attempts. */
  retryMs?: number;
  maxRetryMs?: number;
  clock?: Clock;
  random?: () => number;
  logger?: Logger;
}

export type ResolvedOriginOptions = Required<Omit<OriginOptions, 'selfId'>> & { selfId: number | undefined };

const MAX_MS = 2 ** 31 - 1;

/** Fills in the defaults and refuses what cannot be, naming it. */
export function resolveOriginOptions(options: OriginOptions): ResolvedOriginOptions {
  objectArgument('options', options);
  objectArgument('channels', options.channels);
  objectArgument('discovery', options.discovery);
  if (typeof options.discovery.relays !== 'function') {
    throw argumentError('discovery', 'an object with relays()', options.discovery);
  }
  const ms = (name: keyof OriginOptions, fallback: number, min = 1): number =>
    integerArgument(name, options[name] ?? fallback, min, MAX_MS);
  const { selfId } = options;
  return {
    channels: options.channels,
    discovery: options.discovery,
    selfId: selfId === undefined ? undefined : integerArgument('selfId', selfId, 0, 0xffffffff),
    length: integerArgument('length', options.length ?? 3, 1, 8),
    hopDelayMs: ms('hopDelayMs', 0, 0),
    createTimeoutMs: ms('createTimeoutMs', 10_000),
    extendTimeoutMs: ms('extendTimeoutMs', 12_000),
    streamTimeoutMs: ms('streamTimeoutMs', 25_000),
    circuitWaitMs: ms('circuitWaitMs', 20_000),
    buildTimeoutMs: ms('buildTimeoutMs', 90_000),
    maxSilentBegins: ms('maxSilentBegins', 3),
    retryMs: ms('retryMs', 500),
    maxRetryMs: ms('maxRetryMs', 15_000),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    logger: options.logger ?? silentLogger(),
  };
}
