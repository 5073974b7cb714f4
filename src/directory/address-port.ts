import { formatBracketed, formatIpAddress, parseIpAddress } from './ip-address.js';
import { parseDecimal } from './text-codec.js';

/** An address, IPv6 without brackets, and a port. */
export interface AddressPort {
  readonly address: string;
  readonly port: number;
}

/** Reads `1.2.3.4:9001` or `[2001:db8::1]:9001`; the address comes back in its shortest form. */
export function parseAddressPort(text: string): AddressPort | undefined {
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const address = parseIpAddress(match?.[1] ?? '');
  const port = parseDecimal(match?.[2] ?? '', 1, 65535);
  return address === undefined || port === undefined
    ? undefined
    : { address: formatIpAddress(address), port };
}

export function formatAddressPort({ address, port }: AddressPort): string {
  const parsed = parseIpAddress(address);
  return `${parsed === undefined ? address : formatBracketed(parsed)}:${port}`;
}
