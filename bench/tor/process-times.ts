import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The kernel tells times to programs in hundredths of a second on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

interface ProcessTime {
  readonly parent: number;
  readonly seconds: number;
}

/** Fields of /proc/PID/stat behind the program's name, which may hold anything: state, parent, ... */
function readStat(pid: number | string): ProcessTime | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return {
      parent: Number(fields[1]),
      seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    };
  } catch {
    return undefined;
  }
}

/** User and system time of a process, all threads, those that ended too. */
export function processSeconds(pid: number): number {
  const time = readStat(pid);
  if (time === undefined) throw new Error(`process ${pid} has ended`);
  return time.seconds;
}

/** The same of a process and all that descend from it and still run. */
export function treeSeconds(root: number): number {
  const times = new Map<number, ProcessTime>();
  for (const name of readdirSync('/proc')) {
    const time = /^\d+$/.test(name) ? readStat(name) : undefined;
    if (time !== undefined) times.set(Number(name), time);
  }
  const belongs = (pid: number): boolean => {
    for (let at = pid; at > 1; at = times.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  let sum = 0;
  for (const [pid, { seconds }] of times) if (belongs(pid)) sum += seconds;
  return sum;
}

/** Time that the machine's CPUs spent on anything but idling. */
export function machineSeconds(): number {
  const [, ...fields] = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '').split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields.map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Resident bytes of a process, as the kernel counts them page by page. */
export function residentBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  return 1024 * Number(/^Rss:\s+(\d+) kB/m.exec(text)?.[1]);
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return ''; // Closed meanwhile.
  }
}

/** Ports at this process's own end of its TCP connections over IPv4, each once; in its network namespace only. */
export function localPorts(pid: number): number[] {
  const folder = `/proc/${pid}/fd`;
  const own = new Set(readdirSync(folder).map((name) => targetOf(`${folder}/${name}`)));
  // Number, local address and port in hexadecimal, remote ones, state, queues, timer, retransmits, uid, timeout, inode.
  const lines = readFileSync('/proc/net/tcp', 'latin1').trim().split('\n').slice(1);
  const ports = lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return own.has(`socket:[${fields[9]}]`) ? [parseInt(fields[1]?.split(':')[1] ?? '', 16)] : [];
  });
  return [...new Set(ports)];
}
