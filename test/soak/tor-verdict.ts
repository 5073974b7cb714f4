import type { Resources } from './resources.js';
import type { RelayLook, RelayRemains } from './tor-relay-child.js';
import { mib } from './verdict.js';

const MAX_GROWTH = 1.05;
/** A shorter run ends before the memory of a relay is what it will be. */
const GROWTH_MINUTES = 5;
const MAX_GROWTH_SHORT = 1.25;
const MAX_SILENCE_MS = 15_000;
/** A relay of C tor that could not connect does not try again for a minute (OR_CONNECT_FAILURE_LIFETIME). */
const MAX_BACK_MS = 90_000;
/** Half of what the load may open. */
const STREAMS_PER_MINUTE = 1800;
/** Streams and circuits that were cut though nobody restarted anything. */
const MAX_CUT = 0.001;

/** One relay of ours over the whole run. */
export interface RelayResult {
  /** Before and after the restart. */
  readonly fingerprints: readonly string[];
  /** Median RSS of each quarter, bytes; the restart is between the second and the third. */
  readonly rssQuarters: readonly number[];
  readonly heapQuarters: readonly number[];
  /** Of the second life, with the clients gone. */
  readonly drained: Resources;
  /** Of each life. */
  readonly remains: readonly RelayRemains[];
  readonly looks: readonly RelayLook[];
}

export interface TorSoakResult {
  readonly minutes: number;
  readonly circuits: number;
  readonly circuitsFailed: number;
  readonly streams: number;
  /** Failures of any kind while the relays were restarted, and at any other time. */
  readonly cutByRestart: number;
  readonly cut: number;
  readonly wrongBytes: number;
  readonly kinds: Record<string, { done: number; failed: number }>;
  readonly errors: Record<string, number>;
  readonly megabytesDown: number;
  readonly megabytesUp: number;
  readonly longestSilenceMs: number;
  readonly mostHeldStreams: number;
  /** From the order to stop until every client had built circuits along every path again. */
  readonly backAfterMs: number;
  readonly relays: Record<string, RelayResult>;
  readonly torWarnings: Record<string, number>;
}

function unequal(what: string, start: Resources, end: Resources): string[] {
  const names = [...new Set([...Object.keys(start), ...Object.keys(end)])];
  return names
    .filter((name) => (start[name] ?? 0) !== (end[name] ?? 0))
    .map((name) => `${what} ${name}: ${start[name] ?? 0} at the start, ${end[name] ?? 0} at the end`);
}

function relayFaults(name: string, relay: RelayResult, minutes: number): string[] {
  const faults: string[] = [];
  const [first, second] = relay.fingerprints;
  if (first !== second) faults.push(`${name} came back as ${second}, not as ${first}`);
  const [, early = 0, , late = 0] = relay.rssQuarters;
  const most = minutes < GROWTH_MINUTES ? MAX_GROWTH_SHORT : MAX_GROWTH;
  if (late > early * most)
    faults.push(`${name}: RSS grew from ${mib(early)} (second quarter) to ${mib(late)} MiB (last)`);
  // Channels to other relays stay open for an hour; each must be one that the control plane knows.
  const { channels = 0, relayChannels = 0, memoryBytes: _bytes, ...held } = relay.drained;
  if (channels !== relayChannels)
    faults.push(`${name}: ${channels} channels, ${relayChannels} of them known`);
  faults.push(...unequal(`${name} without clients:`, {}, held));
  for (const [i, { plane, process }] of relay.remains.entries()) {
    faults.push(...unequal(`${name}, life ${i + 1}, data plane`, {}, plane));
    faults.push(...unequal(`${name}, life ${i + 1}, process`, process.start, process.end));
  }
  return faults;
}

/** Every reason why the run was not good; none when it was. */
export function torFaultsOf(result: TorSoakResult): string[] {
  const faults: string[] = [];
  const wanted = Math.floor(result.minutes * STREAMS_PER_MINUTE);
  if (result.streams < wanted) faults.push(`${result.streams} streams were opened, not ${wanted}`);
  if (result.wrongBytes > 0) faults.push(`${result.wrongBytes} times the bytes were wrong`);
  for (const [kind, { done }] of Object.entries(result.kinds))
    if (done === 0 && kind !== 'circuit' && kind !== 'close') faults.push(`not one '${kind}' succeeded`);
  if (result.cut > MAX_CUT * result.streams) faults.push(`${result.cut} were cut beside the restart`);
  if (result.longestSilenceMs > MAX_SILENCE_MS)
    faults.push(`not a byte came for ${(result.longestSilenceMs / 1000).toFixed(1)} s`);
  if (result.backAfterMs > MAX_BACK_MS)
    faults.push(`clients took ${(result.backAfterMs / 1000).toFixed(1)} s to use restarted relays again`);
  for (const [name, relay] of Object.entries(result.relays))
    faults.push(...relayFaults(name, relay, result.minutes));
  return faults;
}
