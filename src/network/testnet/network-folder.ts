import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What removes the folder when this process cannot: it waits for the end of its standard input, which the kernel closes
 * with us, and tries for ten seconds, since processes that are just ending may still write.
 */
const REMOVE = `cat >/dev/null; i=0
while [ $i -lt 20 ]; do rm -rf -- "$1" 2>/dev/null; [ -e "$1" ] || exit 0; i=$((i + 1)); sleep 0.5; done`;

/** A temporary folder that does not outlive this process, even when it is killed. */
export class NetworkFolder {
  readonly path: string;
  readonly #remover: ChildProcess;

  private constructor(path: string) {
    this.path = path;
    // A session of its own: what a terminal sends to this process is not for the remover.
    this.#remover = spawn('/bin/sh', ['-c', REMOVE, 'sh', path], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#remover.on('error', () => undefined);
    this.#remover.stdin?.on('error', () => undefined);
  }

  /** Mode 0700: tor refuses folders that others may read. */
  static async create(): Promise<NetworkFolder> {
    return new NetworkFolder(await mkdtemp(join(tmpdir(), 'kist-testnet-')));
  }

  /** Removes it now, with all that is in it. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 10 });
    const remover = this.#remover;
    if (remover.exitCode !== null || remover.signalCode !== null || remover.pid === undefined) return;
    const gone = new Promise((resolve) => remover.once('close', resolve));
    remover.stdin?.end();
    await gone;
  }
}
