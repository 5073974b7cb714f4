import type { RelayRecord } from '../discovery/discovery.js';
import { pause } from '../relay/waiter.js';
import { codeOf, KistError, messageOf } from '../util/errors.js';
import type { Logger } from '../util/logger.js';
import { OriginCircuit } from './origin-circuit.js';
import type { OriginCircuitInit } from './origin-circuit.js';
import { PathChoice } from './path-choice.js';

export interface BuildOptions extends OriginCircuitInit {
  /** Wait between an answer and the next request: some agents lose cells that come at once (0). */
  hopDelayMs: number;
  logger: Logger;
  signal: AbortSignal;
}

export interface RandomBuildOptions extends BuildOptions {
  relays: readonly RelayRecord[];
  selfId: number | undefined;
  /** Connections of the circuit: 3. */
  length: number;
  random: () => number;
}

/** Builds exactly this path; any failure closes the circuit and rejects. */
export async function buildPath(path: readonly RelayRecord[], options: BuildOptions): Promise<OriginCircuit> {
  const circuit = new OriginCircuit(options);
  try {
    for (const hop of path) await addHop(circuit, hop, options);
    return circuit;
  } catch (error) {
    circuit.close();
    throw error;
  }
}

/**
 * Builds a random path. A relay that fails is struck off and another tried: on the same circuit when the last hop
 * said so, else on a new circuit. Ends when it is built, when no relay is left, or by the signal.
 */
export async function buildRandom(options: RandomBuildOptions): Promise<OriginCircuit> {
  const choice = new PathChoice(options);
  let cause: unknown = new KistError('ERR_KIST_NO_CIRCUIT', 'no relay is registered');
  while (choice.next([]) !== undefined) {
    const circuit = new OriginCircuit(options);
    let failure: unknown;
    try {
      failure = await fill(circuit, choice, options);
    } catch (error) {
      circuit.close();
      throw error;
    }
    if (circuit.path.length === options.length && !circuit.isClosed) return circuit;
    // Destroyed though no hop had failed: without striking one off, the next circuit could end alike, on and on.
    const last = circuit.path.at(-1);
    if (failure === undefined && last !== undefined) choice.strike(last);
    cause = failure ?? circuit.closeError ?? cause;
    circuit.close();
  }
  const message = `no circuit of ${options.length} connections can be built: ${messageOf(cause)}`;
  throw new KistError('ERR_KIST_NO_CIRCUIT', message, 'peer', cause);
}

/** Adds hops until the circuit is whole or closed; returns the last failure. Throws only what the signal threw. */
async function fill(
  circuit: OriginCircuit,
  choice: PathChoice,
  options: RandomBuildOptions,
): Promise<unknown> {
  let cause: unknown;
  while (circuit.path.length < options.length && !circuit.isClosed) {
    const hop = choice.next(circuit.path);
    if (hop === undefined) return cause;
    try {
      await addHop(circuit, hop, options);
    } catch (error) {
      if (options.signal.aborted) throw error;
      options.logger.debug(
        `origin: ${hop.name} failed as hop ${circuit.path.length + 1}: ${messageOf(error)}`,
      );
      choice.strike(hop);
      cause = new KistError(
        codeOf(error) ?? 'ERR_KIST_CHANNEL',
        `${hop.name}: ${messageOf(error)}`,
        'peer',
        error,
      );
    }
  }
  return cause;
}

async function addHop(circuit: OriginCircuit, hop: RelayRecord, options: BuildOptions): Promise<void> {
  const { signal, hopDelayMs, clock } = options;
  if (circuit.path.length === 0) await circuit.create(hop, signal);
  else await circuit.extend(hop, signal);
  if (hopDelayMs > 0) await pause(hopDelayMs, clock, signal);
}
