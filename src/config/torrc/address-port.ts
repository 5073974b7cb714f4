import { isIPv4, isIPv6 } from 'node:net';

/** A literal address; `family` goes with it. */
export interface LiteralAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** An address, IPv6 with or without brackets; `localhost` is 127.0.0.1. Names are not looked up. */
export function parseAddress(text: string): LiteralAddress | undefined {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (isIPv4(text)) return { address: text, family: 4 };
  if (text.toLowerCase() === 'localhost') return { address: '127.0.0.1', family: 4 };
  return isIPv6(bare) && !bare.includes('%') ? { address: bare, family: 6 } : undefined;
}

export function parsePort(text: string): number | undefined {
  if (!/^\d{1,6}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}

/** `address:port` or `[address]:port`. */
export function parseAddressPort(text: string): (LiteralAddress & { port: number }) | undefined {
  const match = /^(\[[^\]]*\]|[^:[\]]*):([^:]*)$/.exec(text);
  const address = parseAddress(match?.[1] ?? '');
  const port = parsePort(match?.[2] ?? '');
  return address === undefined || port === undefined ? undefined : { ...address, port };
}

/** IPv6 in brackets. */
export function showAddress({ address, family }: LiteralAddress): string {
  return family === 6 ? `[${address}]` : address;
}
