/**
 * One trial of `bench syscalls` from JavaScript, in a process of its own: `node tcp-info-child.js ADDON SOCKETS SAMPLES`
 * reads TCP_INFO of full sockets by one batched native call, by one call a socket, and by one call a socket that returns
 * an object. Says {event: 'result', ...} with medians in nanoseconds a socket.
 */
import { createRequire } from 'node:module';
import { median } from '../support/trials.js';

interface TcpInfoAddon {
  openFull(fds: Int32Array): void;
  readAll(fds: Int32Array, into: Int32Array): void;
  readOne(fd: number, into: Int32Array): void;
  readObject(fd: number): { cwnd: number; unacked: number; mss: number; notsent: number };
}

/** Sockets read between two readings of the clock, so that reading it costs nothing in proportion. */
const READS_PER_SAMPLE = 2000;

const [path = '', sockets = '', samples = ''] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(path) as TcpInfoAddon;
const fds = new Int32Array(Number(sockets));
const all = new Int32Array(4 * fds.length);
const one = new Int32Array(4);
let sum = 0;

const ways = {
  batched: () => {
    addon.readAll(fds, all);
    sum += all[0] ?? 0;
  },
  perSocket: () => {
    for (const fd of fds) {
      addon.readOne(fd, one);
      sum += one[0] ?? 0;
    }
  },
  perSocketObject: () => {
    for (const fd of fds) sum += addon.readObject(fd).cwnd;
  },
};

function nsPerSocket(sweep: () => void): number {
  const rounds = Math.ceil(READS_PER_SAMPLE / fds.length);
  const start = process.hrtime.bigint();
  for (let i = 0; i < rounds; i++) sweep();
  return Number(process.hrtime.bigint() - start) / (rounds * fds.length);
}

addon.openFull(fds);
const taken: Record<string, number[]> = {};
for (let i = 0; i < Number(samples); i++) {
  for (const [name, sweep] of Object.entries(ways)) (taken[name] ??= []).push(nsPerSocket(sweep));
}
const figures = Object.fromEntries(Object.entries(taken).map(([name, values]) => [name, median(values)]));
process.stdout.write(`${JSON.stringify({ event: 'result', ...figures, checksum: sum })}\n`);
