/** Running build and package commands the way a stranger's machine would: nothing of the calling npm shines through. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const INHERITED = /^(npm_|NODE_TEST|NODE_OPTIONS|KIST_RELAY|INIT_CWD|GYP_DEFINES|CXX$|PYTHON$|CI$)/i;

/** The present environment without what npm, the test runner and the shell's user put there. */
export function plainEnv(home: string, more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !INHERITED.test(name));
  return { ...Object.fromEntries(kept), HOME: home, ...more };
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const execute = promisify(execFile);

/** Runs a command to its end, whatever its exit code. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Outcome> {
  try {
    const { stdout, stderr } = await execute(command, args, { ...options, maxBuffer: 1 << 26 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: typeof code === 'number' ? code : null, stdout, stderr: stderr || String(error) };
  }
}

export function temporaryFolder(purpose: string): string {
  return mkdtempSync(join(tmpdir(), `kist-relay-${purpose}-`));
}

/** A PATH of one folder with Node, npm and a shell: no compiler, no make, no python. */
export function pathWithoutCompilers(folder: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['node', 'npm', 'npx'])
    symlinkSync(join(dirname(process.execPath), name), join(bin, name));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  return bin;
}
