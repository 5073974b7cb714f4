import { readdirSync, readFileSync } from 'node:fs';

/** One thread since its start, nanoseconds. */
interface ThreadTime {
  readonly cpuNs: number;
  /** Ready to run, but on no CPU. */
  readonly deniedNs: number;
}

export type ThreadTimes = ReadonlyMap<string, ThreadTime>;

/** All threads of a process; empty where the kernel does not say (/proc/PID/task/TID/schedstat). */
export function readThreadTimes(pid: number): ThreadTimes {
  const times = new Map<string, ThreadTime>();
  const folder = `/proc/${pid}/task`;
  try {
    for (const thread of readdirSync(folder)) {
      const [cpuNs = 0, deniedNs = 0] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8')
        .split(' ')
        .map(Number);
      times.set(thread, { cpuNs, deniedNs });
    }
  } catch {
    // A thread that ended meanwhile, or no such files: what was read stands.
  }
  return times;
}

export interface ThreadShares {
  /** On a CPU. */
  readonly busy: number;
  /** On a CPU or ready for one: it had work. On a shared machine this says more than `busy`. */
  readonly awake: number;
}

/** Shares of the time between two readings, of the thread that used most CPU. */
export function busiestThread(before: ThreadTimes, after: ThreadTimes, wallNs: number): ThreadShares {
  let best: ThreadShares = { busy: 0, awake: 0 };
  for (const [thread, time] of after) {
    const start = before.get(thread);
    const cpuNs = time.cpuNs - (start?.cpuNs ?? 0);
    const deniedNs = time.deniedNs - (start?.deniedNs ?? 0);
    if (cpuNs / wallNs > best.busy) best = { busy: cpuNs / wallNs, awake: (cpuNs + deniedNs) / wallNs };
  }
  return best;
}
