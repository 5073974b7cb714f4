import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { KistError } from '../../util/errors.js';

const LOWEST = 10_000;
const DEFAULT_EPHEMERAL_START = 32_768;
const MOST_TRIES = 2000;

async function ephemeralStart(): Promise<number> {
  const text = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const start = Number(text.trim().split(/\s+/)[0]);
  return start > LOWEST + MOST_TRIES ? start : DEFAULT_EPHEMERAL_START;
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * `count` ports of `host` that nobody listens on, below the range the kernel takes for outgoing connections: those of
 * the network's own processes cannot take one before its owner listens.
 */
export async function pickFreePorts(host: string, count: number): Promise<number[]> {
  const span = (await ephemeralStart()) - LOWEST;
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries === MOST_TRIES + count) {
      const message = `only ${found.size} of ${count} free ports were found on ${host}`;
      throw new KistError('ERR_KIST_LISTEN', message, 'system');
    }
    const port = LOWEST + Math.floor(Math.random() * span);
    if (!found.has(port) && (await canListen(host, port))) found.add(port);
  }
  return [...found];
}
