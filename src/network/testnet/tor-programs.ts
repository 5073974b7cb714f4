import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { KistError } from '../../util/errors.js';

/** The programs of Debian's package `tor` that a test network is made of. */
export interface TorPrograms {
  readonly tor: string;
  readonly gencert: string;
}

async function findProgram(name: string, path: string): Promise<string> {
  for (const folder of path.split(':').filter((candidate) => candidate !== '')) {
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // The next folder may have it.
    }
  }
  const message = `${name} is not on this machine; install it with: apt-get install tor`;
  throw new KistError('ERR_KIST_TOR_MISSING', message, 'operator');
}

/** Finds `tor` and `tor-gencert` in `path`; a KistError `ERR_KIST_TOR_MISSING` says what to install. */
export async function findTorPrograms(path: string = process.env['PATH'] ?? ''): Promise<TorPrograms> {
  return { tor: await findProgram('tor', path), gencert: await findProgram('tor-gencert', path) };
}

/** Runs a program to its end with `input` on its standard input; what it printed is in the error when it fails. */
export function runProgram(file: string, args: readonly string[], input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let printed = '';
    const keep = (text: string): void => void (printed = (printed + text).slice(-4096));
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.stdin.on('error', () => undefined).end(input);
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) return resolve();
      const message = `${file} failed with status ${code ?? 'unknown'}: ${printed.trim()}`;
      reject(new KistError('ERR_KIST_TOR_START', message, 'system'));
    });
  });
}
