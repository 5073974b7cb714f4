import { BlockList, isIP, isIPv4 } from 'node:net';
import { argumentError } from '../util/errors.js';

/** Networks that no stranger may reach through this machine: own, private, link, shared, test and multicast ranges. */
const REFUSED_V4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;

/** Translated and tunnelled IPv4 (NAT64, 6to4, Teredo) is refused too: it may hide any of the above. */
const REFUSED_V6 = [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const;

export interface ExitPolicyOptions {
  /** No streams end here at all when false (default true). */
  enabled?: boolean;
  /** Private, loopback and other local addresses may be reached (default false). */
  allowPrivateTargets?: boolean;
  /** Exceptions to the refusal: `address:port`, `[address]:port`, or an address for all its ports. */
  allow?: readonly string[];
}

/** Decides on literal addresses only, so every address that a name resolved to is judged by itself. */
export class ExitPolicy {
  readonly isEnabled: boolean;
  readonly #allowPrivate: boolean;
  readonly #allowed: ReadonlySet<string>;
  readonly #refused = new BlockList();

  constructor(options: ExitPolicyOptions = {}) {
    this.isEnabled = options.enabled ?? true;
    this.#allowPrivate = options.allowPrivateTargets ?? false;
    this.#allowed = new Set((options.allow ?? []).map(allowEntry));
    for (const [network, prefix] of REFUSED_V4) this.#refused.addSubnet(network, prefix, 'ipv4');
    for (const [network, prefix] of REFUSED_V6) this.#refused.addSubnet(network, prefix, 'ipv6');
  }

  allows(address: string, port: number): boolean {
    if (!this.isEnabled || isIP(address) === 0 || address.includes('%') || port < 1 || port > 65535)
      return false;
    if (this.#allowPrivate) return true;
    const plain = unmapped(address);
    if (this.#allowed.has(canonical(plain)) || this.#allowed.has(`${canonical(plain)} ${port}`)) return true;
    return !this.#refused.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  }
}

/** IPv4 in IPv6 clothes (::ffff:a.b.c.d, in either notation) as IPv4. */
function unmapped(address: string): string {
  const match = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical(address));
  if (match === null) return address;
  const high = parseInt(match[1] ?? '0', 16);
  const low = parseInt(match[2] ?? '0', 16);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** One spelling per address. */
function canonical(address: string): string {
  return isIPv4(address) ? address : new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function allowEntry(entry: string): string {
  if (isIP(entry) !== 0) return canonical(unmapped(entry));
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(entry);
  const address = match?.[1] ?? match?.[2] ?? '';
  if (isIP(address) === 0) throw argumentError('exit.allow', 'a list of addresses or address:port', entry);
  return `${canonical(unmapped(address))} ${Number(match?.[3])}`;
}
