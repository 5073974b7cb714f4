import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const call = promisify(execFile);
const MTU = 1500;
/** Five packets: tbf must be able to let one go at a time. */
const BURST_BYTES = 7570;
export const CONGESTION_CONTROL = 'cubic';

/** Programs in front of a command that give it a network namespace of its own; it ends with its last process. */
export const OWN_NAMESPACE: readonly string[] =
  process.getuid?.() === 0 ? ['unshare', '-n'] : ['unshare', '-rn'];

async function ip(...args: readonly string[]): Promise<void> {
  await call('ip', args);
}

async function tc(...args: readonly string[]): Promise<string> {
  return (await call('tc', args)).stdout;
}

/**
 * The loopback device of this process's own namespace as a real link would be: segments of 1500 bytes, and cubic for
 * every connection, by its route, since programs that are not ours cannot be told otherwise.
 */
export async function setUpLoopback(): Promise<void> {
  await ip('link', 'set', 'lo', 'mtu', String(MTU), 'up');
  for (const prefix of ['127.0.0.0/8', '127.0.0.1']) {
    const route = ['local', prefix, 'dev', 'lo', 'proto', 'kernel', 'scope', 'host', 'src', '127.0.0.1'];
    await ip('route', 'replace', ...route, 'table', 'local', 'congctl', CONGESTION_CONTROL);
  }
}

export interface Egress {
  /** The relay's own ends of its connections: all that comes from these ports is what it sends. */
  readonly ports: readonly number[];
  readonly bitsPerSecond: number;
  readonly queueBytes: number;
}

/**
 * Puts what one relay sends behind a token bucket. Everything stays on loopback: its packets are told by the ports
 * of its connections, so these must be open already. Other packets pass the root by, as on a device of their own.
 */
export async function narrow(egress: Egress): Promise<void> {
  const { ports, bitsPerSecond, queueBytes } = egress;
  await widen();
  await tc('qdisc', 'add', 'dev', 'lo', 'root', 'handle', '1:', 'htb');
  // The class is only there to lead to the bucket; it is never the limit.
  const free = ['rate', '10gbit', 'burst', '1mb', 'cburst', '1mb', 'quantum', '60000'];
  await tc('class', 'add', 'dev', 'lo', 'parent', '1:', 'classid', '1:3', 'htb', ...free);
  const bucket = ['rate', `${bitsPerSecond}bit`, 'burst', String(BURST_BYTES), 'limit', String(queueBytes)];
  await tc('qdisc', 'add', 'dev', 'lo', 'parent', '1:3', 'handle', '30:', 'tbf', ...bucket);
  for (const port of ports) {
    const match = ['match', 'ip', 'protocol', '6', '0xff', 'match', 'ip', 'sport', String(port), '0xffff'];
    await tc(
      'filter',
      'add',
      'dev',
      'lo',
      'parent',
      '1:',
      'protocol',
      'ip',
      'u32',
      ...match,
      'flowid',
      '1:3',
    );
  }
}

/** Idempotent. */
export async function widen(): Promise<void> {
  await tc('qdisc', 'del', 'dev', 'lo', 'root').catch(() => undefined);
}

/** Bytes that passed the bucket since it is there. */
export async function narrowBytes(): Promise<number> {
  const found = JSON.parse(await tc('-s', '-j', 'qdisc', 'show', 'dev', 'lo')) as {
    kind: string;
    bytes: number;
  }[];
  return found.find(({ kind }) => kind === 'tbf')?.bytes ?? 0;
}
