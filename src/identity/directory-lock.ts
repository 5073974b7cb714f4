import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { KistError, messageOf } from '../util/errors.js';

/**
 * Keeps a second process, C tor included, off a data directory: the kernel's `flock` on its file `lock`, which C tor
 * takes too. Node cannot call flock, but such a lock belongs to the open file and not to the process that asked for
 * it: `flock -x -n 3` (util-linux) is run for a moment with our descriptor as its number 3, and the lock stays ours
 * when it ends. The kernel lets go when this process ends in whatever way, so there are no stale locks and no process
 * numbers to check. The empty file stays, as C tor's does.
 */
export class DirectoryLock {
  readonly path: string;
  #descriptor: number | undefined;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  /** Throws `ERR_KIST_LOCKED` when another process holds it, `ERR_KIST_LOCK` when locking is not possible. */
  static acquire(dataDirectory: string): DirectoryLock {
    const path = join(dataDirectory, 'lock');
    const descriptor = openLockFile(path);
    const { error, status } = spawnSync('flock', ['-x', '-n', '3'], {
      stdio: ['ignore', 'ignore', 'ignore', descriptor],
      timeout: 10_000,
    });
    if (error === undefined && status === 0) return new DirectoryLock(path, descriptor);
    closeSync(descriptor);
    if (error !== undefined) {
      const message = `cannot lock ${path} with the flock program of util-linux: ${error.message}`;
      throw new KistError('ERR_KIST_LOCK', message, 'system', error);
    }
    const message = `another relay is using ${dataDirectory}: ${path} is locked`;
    throw new KistError('ERR_KIST_LOCKED', message, 'operator');
  }

  release(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function openLockFile(path: string): number {
  try {
    return openSync(path, 'a+', 0o600);
  } catch (error) {
    throw new KistError('ERR_KIST_LOCK', `cannot open ${path}: ${messageOf(error)}`, 'operator', error);
  }
}
