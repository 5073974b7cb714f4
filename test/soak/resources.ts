import { readdirSync } from 'node:fs';
import type { NativeStats } from '../../src/index.js';

/** What this process holds at one moment, by name. */
export type Resources = Record<string, number>;

/** Descriptors, threads, and Node's active resources (timers, sockets, ...) by kind. */
export function processResources(): Resources {
  const counts: Resources = {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What a data plane holds, over all its reactors. */
export function planeResources(stats: NativeStats): Resources {
  const sum: Resources = { cells: 0, circuits: 0, streams: 0, channels: 0, pendingChannels: 0 };
  for (const reactor of stats.reactors) {
    sum['cells'] = (sum['cells'] ?? 0) + reactor.cellsInUse;
    sum['circuits'] = (sum['circuits'] ?? 0) + reactor.circuits;
    sum['streams'] = (sum['streams'] ?? 0) + reactor.streams;
    sum['channels'] = (sum['channels'] ?? 0) + reactor.channels;
    sum['pendingChannels'] = (sum['pendingChannels'] ?? 0) + reactor.scheduler.pendingChannels;
  }
  return { ...sum, memoryBytes: stats.memoryBytes, undeliveredEvents: stats.undeliveredEvents };
}

/** Calls `read` until it equals `wanted` or `ms` have passed; what it was at last. */
export async function settle(read: () => Resources, wanted: Resources, ms: number): Promise<Resources> {
  const end = performance.now() + ms;
  for (;;) {
    const now = read();
    if (isEqual(now, wanted) || performance.now() > end) return now;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function isEqual(one: Resources, other: Resources): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => (one[name] ?? 0) === (other[name] ?? 0));
}
