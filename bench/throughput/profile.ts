import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from '../support/bench-types.js';

const SYMBOLS = 25;

/** Runs a command to its end; resolves with its output, or undefined when it cannot be run or fails. */
function output(
  context: BenchContext,
  command: string,
  args: readonly string[],
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { signal: context.signal, stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => resolve(code === 0 ? text : undefined));
  });
}

/**
 * Samples a process for `ms` by `perf` on the CPU clock (it needs no hardware counters) and logs its hottest symbols,
 * kernel included. Says so where there is no perf; nothing else depends on it.
 */
export async function recordProfile(
  context: BenchContext,
  title: string,
  pid: number,
  ms: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kist-relay-profile-'));
  try {
    const data = join(folder, 'perf.data');
    const seconds = String(Math.max(ms - 100, 100) / 1000);
    const record = ['record', '-q', '-e', 'cpu-clock', '-F', '2999', '-p', String(pid), '-o', data];
    const recorded = await output(context, 'perf', [...record, '--', 'sleep', seconds]);
    const report = ['report', '-i', data, '--stdio', '--no-children', '-g', 'none', '--sort', 'symbol,dso'];
    const text = recorded === undefined ? undefined : await output(context, 'perf', report);
    if (text === undefined)
      return context.log(`  no profile of ${title}: perf (Debian: linux-perf) is not usable here`);
    const lines = text.split('\n').filter((line) => /^\s+\d+\.\d+%/.test(line));
    context.log(`  profile of ${title}, share of samples by symbol:\n${lines.slice(0, SYMBOLS).join('\n')}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
