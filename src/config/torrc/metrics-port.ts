import { parseAddressPort, parsePort } from './address-port.js';
import { TorrcError } from './torrc-error.js';
import type { ListLine } from './torrc-values.js';

/** Where MetricsPort listens: an address and port (0: any free one, never by a torrc), or a Unix socket. */
export type MetricsListener = { readonly address: string; readonly port: number } | { readonly path: string };

function parseListener({ text, position }: ListLine): MetricsListener | undefined {
  const [target = '', format = 'prometheus', ...rest] = text.trim().split(/\s+/);
  if (format.toLowerCase() !== 'prometheus' || rest.length > 0)
    throw new TorrcError(`MetricsPort unknown format: ${[format, ...rest].join(' ')}`, position);
  if (target.startsWith('unix:') && target.length > 5) return { path: target.slice(5) };
  const bare = parsePort(target);
  if (bare === 0) return undefined;
  if (bare !== undefined) return { address: '127.0.0.1', port: bare };
  const both = parseAddressPort(target);
  if (both === undefined || both.port === 0)
    throw new TorrcError('MetricsPort address/port failed to parse or resolve.', position);
  return { address: both.address, port: both.port };
}

/** `MetricsPort [address:]port [prometheus]`, any number of lines; `unix:PATH` is ours alone. */
export function parseMetricsPorts(lines: readonly ListLine[]): MetricsListener[] {
  return lines.flatMap((line) => parseListener(line) ?? []);
}
