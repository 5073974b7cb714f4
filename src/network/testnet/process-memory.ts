import { readFile } from 'node:fs/promises';

/** Memory of one process in bytes. `shared` pages count in full in `resident`, in parts in `proportional`. */
export interface ProcessMemory {
  readonly resident: number;
  readonly proportional: number;
}

/** As the kernel tells in /proc; undefined when the process is gone. */
export async function readProcessMemory(pid: number): Promise<ProcessMemory | undefined> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const bytes = (key: string): number =>
    1024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  const memory = { resident: bytes('Rss'), proportional: bytes('Pss') };
  return Number.isNaN(memory.resident) ? undefined : memory;
}
