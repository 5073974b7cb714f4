import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Whether `host:port` leads back to the listener at `bound`. Such a request would go round in a circle: the
 * proxy adds no Via header, which would tell servers that it is there, so its own address is the only mark.
 */
export function isOwnAddress(
  target: { host: string; port: number },
  bound: { host: string; port: number },
  localAddress: string | undefined,
): boolean {
  if (target.port !== bound.port) return false;
  const host = plainAddress(target.host);
  if (host === plainAddress(bound.host) || host === plainAddress(localAddress ?? '')) return true;
  const everywhere = isUnspecified(plainAddress(bound.host));
  const local = everywhere || isLoopback(bound.host) || bound.host === 'localhost';
  if (host === 'localhost' || isUnspecified(host)) return local;
  if (!everywhere) return false;
  return isLoopback(host) || interfaceAddresses().includes(host);
}

/** One spelling per address: lower case, no final dot, IPv6 in its short form, mapped IPv4 as IPv4. */
function plainAddress(text: string): string {
  const host = text.toLowerCase().replace(/\.$/, '');
  if (isIP(host) !== 6) return host;
  const short = new URL(`http://[${host.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short);
  if (mapped === null) return short;
  const bytes = [mapped[1] ?? '', mapped[2] ?? ''].map((word) => parseInt(word, 16));
  return bytes.flatMap((word) => [word >> 8, word & 255]).join('.');
}

function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address));
}
