import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import type { Machine } from './bench-types.js';

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]?.trim() ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    kernel: release(),
    node: process.version,
    congestionControl: firstLine('/proc/sys/net/ipv4/tcp_congestion_control'),
  };
}

/** The commit that was measured, with a mark when files differ from it. */
export function describeCommit(folder: string): string {
  const git = (...args: string[]): string => {
    const { status, stdout } = spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : '';
  };
  const commit = git('rev-parse', '--short=12', 'HEAD');
  if (commit === '') return 'unknown';
  return git('status', '--porcelain') === '' ? commit : `${commit}+changes`;
}
