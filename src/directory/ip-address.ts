import { isIPv4, isIPv6 } from 'node:net';

/** IP addresses as bytes, as policies compare them and documents write them. */

export interface IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. */
  readonly bytes: Uint8Array;
}

/** An address of either family, IPv6 with or without brackets. Undefined: neither. Zones (`%eth0`) are refused. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, bytes: ipv4Bytes(text) };
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (!isIPv6(bare) || bare.includes('%')) return undefined;
  return { family: 6, bytes: ipv6Bytes(bare) };
}

function ipv4Bytes(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number);
}

function ipv6Bytes(text: string): Uint8Array {
  let groups = text;
  const dotted = /[^:]*\.[^:]*$/.exec(text)?.[0];
  if (dotted !== undefined) {
    const [a = 0, b = 0, c = 0, d = 0] = ipv4Bytes(dotted);
    groups = `${text.slice(0, -dotted.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = groups.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  const bytes = new Uint8Array(16);
  [...front, ...zeros, ...back].forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes[index * 2] = value >> 8;
    bytes[index * 2 + 1] = value & 255;
  });
  return bytes;
}

/** Dotted quad, or IPv6 without brackets in its shortest form (RFC 5952). */
export function formatIpAddress(address: IpAddress): string {
  const { bytes } = address;
  if (address.family === 4) return bytes.join('.');
  if (isIpv4Mapped(address)) return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(':');
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = -1;
  groups.forEach((group, index) => {
    if (group !== '0') {
      start = -1;
      return;
    }
    if (start < 0) start = index;
    if (index - start + 1 > best.length) best = { start, length: index - start + 1 };
  });
  return best;
}

/** As in URLs and descriptors: IPv6 in brackets. */
export function formatBracketed(address: IpAddress): string {
  return address.family === 4 ? formatIpAddress(address) : `[${formatIpAddress(address)}]`;
}

/** Whether it is an IPv4 address written as IPv6 (`::ffff:a.b.c.d`): connecting to it goes over IPv4. */
export function isIpv4Mapped(address: IpAddress): boolean {
  const { bytes } = address;
  return (
    address.family === 6 &&
    bytes.subarray(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 0xff &&
    bytes[11] === 0xff
  );
}

/** The IPv4 address of an IPv4-mapped one; every other address as it is. */
export function unmapIpAddress(address: IpAddress): IpAddress {
  return isIpv4Mapped(address) ? { family: 4, bytes: address.bytes.slice(12) } : address;
}

/** Whether the first `bits` bits of both agree. Addresses of different families never do. */
export function sharesPrefix(a: IpAddress, b: IpAddress, bits: number): boolean {
  if (a.family !== b.family) return false;
  const whole = bits >> 3;
  for (let index = 0; index < whole; index += 1) if (a.bytes[index] !== b.bytes[index]) return false;
  const rest = bits & 7;
  return rest === 0 || ((a.bytes[whole] ?? 0) ^ (b.bytes[whole] ?? 0)) >> (8 - rest) === 0;
}
