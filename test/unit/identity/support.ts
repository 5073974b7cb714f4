import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { KeyDirectory } from '../../../src/identity/key-directory.js';
import { OnionKeys } from '../../../src/identity/onion-keys.js';
import { RouterIdentity } from '../../../src/identity/router-identity.js';
import { StateFile } from '../../../src/identity/state-file.js';
import { ManualClock } from '../../../src/util/clock.js';

export const HOUR_MS = 3600 * 1000;
export const DAY_MS = 24 * HOUR_MS;

/** A clock whose date is in this century. */
export class DatedClock extends ManualClock {
  readonly #start: number;

  constructor(start = '2026-11-22T00:00:00Z') {
    super();
    this.#start = Date.parse(start);
  }

  override date(): Date {
    return new Date(this.#start + this.now());
  }
}

/** A data directory that is removed when the test ends. */
export function dataDirectory(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kist-identity-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'data');
}

/** The identity and the onion keys in a data directory. */
export async function openKeys(
  folder: string,
  clock: DatedClock,
  isMasterOffline = false,
): Promise<{ directory: KeyDirectory; identity: RouterIdentity; onion: OnionKeys }> {
  const directory = KeyDirectory.open({ dataDirectory: folder });
  const identity = await RouterIdentity.open({ directory, clock, isMasterOffline });
  const onion = await OnionKeys.open({ directory, state: StateFile.open(folder), clock });
  return { directory, identity, onion };
}
