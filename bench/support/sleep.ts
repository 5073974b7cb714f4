import { setTimeout as sleepFor } from 'node:timers/promises';

/** Waits; ends early with the signal's reason. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await sleepFor(ms, undefined, { signal });
}
