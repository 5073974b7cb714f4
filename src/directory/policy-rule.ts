import { KistError } from '../util/errors.js';
import { formatBracketed, parseIpAddress, sharesPrefix } from './ip-address.js';
import type { IpAddress } from './ip-address.js';
import { parseDecimal } from './text-codec.js';

/** One rule of an exit policy: what to do with streams to a network and a range of ports. */
export interface PolicyRule {
  readonly accept: boolean;
  readonly address: IpAddress;
  /** Bits of the prefix: 0 is every address of the family. */
  readonly bits: number;
  readonly minPort: number;
  readonly maxPort: number;
}

/** The networks that `private` stands for, in this order. All authorities must agree on them for summaries. */
export const PRIVATE_NETWORKS: readonly { readonly address: IpAddress; readonly bits: number }[] = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '127.0.0.0/8',
  '192.168.0.0/16',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '::/8',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
  '::/127',
].map((text) => {
  const [address = '', bits = ''] = text.split('/');
  const parsed = parseIpAddress(address);
  if (parsed === undefined) throw new RangeError(text);
  return { address: parsed, bits: Number(bits) };
});

const ANY4: IpAddress = { family: 4, bytes: new Uint8Array(4) };
const ANY6: IpAddress = { family: 6, bytes: new Uint8Array(16) };

/** What an entry means: the rules it stands for, or why it is passed over. */
export interface PolicyEntry {
  readonly rules: readonly PolicyRule[];
  readonly warning?: string;
}

/**
 * Reads one entry, such as `accept *:80`, `reject6 [2001:db8::]/32:*` or `reject private:*`. In descriptors (`star: 4`)
 * a `*` means IPv4 only; in settings it means both families, `*4` and `*6` one of them, and after `accept6` and
 * `reject6` IPv6 only. Throws `ERR_KIST_EXIT_POLICY` when it is malformed.
 */
export function parsePolicyEntry(entry: string, star: 'both' | 4 = 'both'): PolicyEntry {
  const match = /^[ \t]*(accept|reject)(6?)[ \t]+([^ \t]+)[ \t]*$/.exec(entry);
  const pattern = match?.[3];
  if (match === null || pattern === undefined)
    throw malformed(entry, 'expected accept or reject and a pattern');
  const accept = match[1] === 'accept';
  const isSix = match[2] === '6';
  if (pattern.startsWith('private')) {
    if (pattern[7] !== ':') throw malformed(entry, 'expected a port after "private"');
    const ports = parsePorts(entry, pattern.slice(8));
    return { rules: PRIVATE_NETWORKS.map((network) => ({ accept, ...network, ...ports })) };
  }
  const { host, mask, port } = cutPattern(entry, pattern);
  const ports = parsePorts(entry, port);
  const networks = parseNetworks(entry, host, mask, star, isSix);
  if (isSix && networks.some(({ address }) => address.family === 4)) {
    return { rules: [], warning: `"${entry.trim()}" names IPv4 addresses after ${match[1]}6 and is ignored` };
  }
  return { rules: networks.map((network) => ({ accept, ...network, ...ports })) };
}

function cutPattern(
  entry: string,
  pattern: string,
): { host: string; mask: string | undefined; port: string } {
  const match = /^(\[[^\]]*\]|[^/[]*(?=\/)|[^:/[]*)(?:\/([^:]*))?(?::(.*))?$/.exec(pattern);
  if (match === null) throw malformed(entry, 'expected address[/mask][:ports]');
  return { host: match[1] ?? '', mask: match[2], port: match[3] ?? '*' };
}

function parseNetworks(
  entry: string,
  host: string,
  mask: string | undefined,
  star: 'both' | 4,
  isSix: boolean,
): { address: IpAddress; bits: number }[] {
  const any = host === '*' || (star === 'both' && (host === '*4' || host === '*6'));
  if (any) {
    if (mask !== undefined) throw malformed(entry, 'a wildcard has no mask');
    if (host === '*4' || star === 4) return [{ address: ANY4, bits: 0 }];
    if (host === '*6' || isSix) return [{ address: ANY6, bits: 0 }];
    return [
      { address: ANY4, bits: 0 },
      { address: ANY6, bits: 0 },
    ];
  }
  const address = parseIpAddress(host);
  if (address === undefined) throw malformed(entry, `"${host}" is not an address`);
  const width = address.bytes.length * 8;
  if (mask === undefined) return [{ address, bits: width }];
  const bits = parseDecimal(mask, 0, width) ?? (address.family === 4 ? dottedMaskBits(mask) : undefined);
  if (bits === undefined) throw malformed(entry, `"/${mask}" is not a mask for it`);
  return [{ address, bits }];
}

/** 16 for `255.255.0.0`; undefined when the ones are not all in front. */
function dottedMaskBits(mask: string): number | undefined {
  const address = parseIpAddress(mask);
  if (address?.family !== 4) return undefined;
  const digits = Array.from(address.bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(digits) ? digits.lastIndexOf('1') + 1 : undefined;
}

function parsePorts(entry: string, text: string): { minPort: number; maxPort: number } {
  if (text === '' || text === '*') return { minPort: 1, maxPort: 65535 };
  const [low = '', high, ...more] = text.split('-');
  const minPort = parseDecimal(low, 0, 65535);
  const maxPort = high === undefined ? minPort : parseDecimal(high, 1, 65535);
  if (more.length > 0 || minPort === undefined || maxPort === undefined || minPort > maxPort) {
    throw malformed(entry, `":${text}" is not a port or a range of ports`);
  }
  return { minPort: Math.max(minPort, 1), maxPort: Math.max(maxPort, 1) };
}

function malformed(entry: string, why: string): KistError {
  return new KistError('ERR_KIST_EXIT_POLICY', `exit policy entry "${entry.trim()}": ${why}`, 'operator');
}

/** Whether the rule is about every address and port of its family. */
export function isCatchAll(rule: PolicyRule): boolean {
  return rule.bits === 0 && rule.minPort <= 1 && rule.maxPort >= 65535;
}

/** Whether everything `b` is about is also something `a` is about. */
export function covers(a: PolicyRule, b: PolicyRule): boolean {
  return (
    a.bits <= b.bits &&
    a.minPort <= b.minPort &&
    a.maxPort >= b.maxPort &&
    sharesPrefix(a.address, b.address, a.bits)
  );
}

/** Whether there is an address and port that both are about. */
export function intersects(a: PolicyRule, b: PolicyRule): boolean {
  return (
    a.minPort <= b.maxPort &&
    b.minPort <= a.maxPort &&
    sharesPrefix(a.address, b.address, Math.min(a.bits, b.bits))
  );
}

/**
 * The rule as an entry. `settings`: `*4` and `*6` tell the families apart; `descriptor`: the keyword does.
 */
export function formatPolicyRule(rule: PolicyRule, form: 'settings' | 'descriptor'): string {
  const { family, bytes } = rule.address;
  const keyword = `${rule.accept ? 'accept' : 'reject'}${form === 'descriptor' && family === 6 ? '6' : ''}`;
  const any = form === 'descriptor' ? '*' : `*${family}`;
  const host = rule.bits === 0 ? any : formatBracketed(rule.address);
  const mask = rule.bits === 0 || rule.bits === bytes.length * 8 ? '' : `/${rule.bits}`;
  return `${keyword} ${host}${mask}:${formatPorts(rule.minPort, rule.maxPort)}`;
}

function formatPorts(min: number, max: number): string {
  if (min <= 1 && max >= 65535) return '*';
  return min === max ? `${min}` : `${min}-${max}`;
}
