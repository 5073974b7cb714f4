import type { RelayRecord } from '../discovery/discovery.js';

/** A circuit's relays in order, on one line: names, then where each listens. */
export function formatCircuit(hops: readonly RelayRecord[]): string {
  const names = hops.map(({ name }) => name).join(' -> ');
  const places = hops.map(({ host, port }) => `${host}:${port}`).join(' -> ');
  return `circuit: ${names} (${places})`;
}
