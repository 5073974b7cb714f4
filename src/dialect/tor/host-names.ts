import { isIPv4, isIPv6 } from 'node:net';
import { addressFromBytes, addressToBytes } from './addresses.js';
import { malformed } from './byte-reader.js';

const MAX_HOST_BYTES = 255;

/** A literal address, or a name of characters that resolvers take; names are not judged further here. */
export function isSendableHost(host: string): boolean {
  if (isIPv4(host) || isIPv6(host)) return !host.includes('%');
  return host.length > 0 && host.length <= MAX_HOST_BYTES && /^[A-Za-z0-9._-]+$/.test(host);
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The name under which the name of an address is looked up: in in-addr.arpa or ip6.arpa. */
export function reverseName(address: string): string {
  const bytes = addressToBytes(address);
  if (bytes === undefined) throw malformed(`no address to look up the name of: ${JSON.stringify(address)}`);
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa`;
  return `${bytes.toString('hex').split('').reverse().join('.')}.ip6.arpa`;
}

/** The address in a reverse name in lower case; undefined for any other name. */
export function addressOfReverseName(name: string): string | undefined {
  const ipv4 = /^((?:\d{1,3}\.){4})in-addr\.arpa\.?$/.exec(name)?.[1];
  if (ipv4 !== undefined) {
    const text = ipv4.slice(0, -1).split('.').reverse().join('.');
    return isIPv4(text) ? text : undefined;
  }
  const ipv6 = /^((?:[0-9a-f]\.){32})ip6\.arpa\.?$/.exec(name)?.[1];
  if (ipv6 === undefined) return undefined;
  return addressFromBytes(Buffer.from(ipv6.split('.').reverse().join(''), 'hex'));
}
