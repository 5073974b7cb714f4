import { isIP, isIPv4, isIPv6 } from 'node:net';
import { KistError } from '../../util/errors.js';
import type { StreamTarget } from '../control-dialect.js';

/** Longest body of a relay message: 512 less the 14 bytes of header. */
export const MAX_BODY_BYTES = 498;
const MAX_HOST_BYTES = 255;

export const RELAY_COMMAND = {
  begin: 1,
  data: 2,
  end: 3,
  connected: 4,
  extend: 6,
  extended: 7,
  beginFailed: 11,
  extendFailed: 12,
} as const;

/** Where EXTEND leads: `agentId` is unsigned, 32 bits. */
export interface AgentTarget {
  readonly host: string;
  readonly port: number;
  readonly agentId: number;
}

function malformed(what: string): KistError {
  return new KistError('ERR_KIST_MALFORMED', what);
}

/** BEGIN: `host:port` and a NUL that the length counts. IPv6 addresses go in brackets. */
export function encodeBegin(target: StreamTarget): Buffer {
  const host = isIPv6(target.host) ? `[${target.host}]` : target.host;
  if (!isSendableHost(target.host))
    throw malformed(`BEGIN cannot carry the host ${JSON.stringify(target.host)}`);
  return Buffer.from(`${host}:${target.port}\0`, 'latin1');
}

/** Reads BEGIN: up to the first NUL, or whole where the sender did not count the NUL. */
export function parseBegin(body: Uint8Array): StreamTarget {
  const text = textBeforeNul(body);
  const { host, port } = splitHostPort(text, 'BEGIN');
  if (!isSendableHost(host)) throw malformed('BEGIN names no valid host');
  return { host, port };
}

/** EXTEND: `address:port`, NUL, then the agent ID in 4 bytes. */
export function encodeExtend(target: AgentTarget): Buffer {
  if (isIP(target.host) === 0)
    throw malformed(`EXTEND carries addresses only, not ${JSON.stringify(target.host)}`);
  const host = isIPv6(target.host) ? `[${target.host}]` : target.host;
  const id = Buffer.alloc(4);
  id.writeUInt32BE(target.agentId >>> 0);
  return Buffer.concat([Buffer.from(`${host}:${target.port}\0`, 'latin1'), id]);
}

/**
 * Reads EXTEND as all known agents write it: the ID after the first NUL in 4 bytes or in decimal digits, negative where
 * Java printed one from 2^31 up; the address with or without a name and `/` in front.
 */
export function parseExtend(body: Uint8Array): AgentTarget {
  const nul = body.indexOf(0);
  if (nul < 0) throw malformed('EXTEND has no NUL after the address');
  const text = latin1(body.subarray(0, nul));
  const { host, port } = splitHostPort(text.slice(text.lastIndexOf('/') + 1), 'EXTEND');
  if (isIP(host) === 0) throw malformed('EXTEND names no address');
  return { host, port, agentId: parseAgentId(body.subarray(nul + 1)) };
}

/**
 * Exactly 4 bytes are binary: group numbers start at 1, so digits are at least 5 long. A sender that counts a NUL
 * after the digits is understood too.
 */
function parseAgentId(bytes: Uint8Array): number {
  if (bytes.length === 4) return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  const digits = /^(-?\d{1,11})\0?$/.exec(latin1(bytes.subarray(0, 16)))?.[1];
  if (digits === undefined || bytes.length < 5 || bytes.length > 12)
    throw malformed('EXTEND carries no agent ID');
  const id = Number(digits);
  if (id < -(2 ** 31) || id >= 2 ** 32) throw malformed('EXTEND carries an agent ID of more than 32 bits');
  return id >>> 0;
}

function textBeforeNul(body: Uint8Array): string {
  const nul = body.indexOf(0);
  return latin1(nul < 0 ? body : body.subarray(0, nul));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** `host:port`, `[v6]:port`, and `v6:port` without brackets as far as the rest is an IPv6 address. */
function splitHostPort(text: string, what: string): StreamTarget {
  const colon = text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  if (colon < 1 || !/^\d{1,5}$/.test(digits)) throw malformed(`${what} has no host:port`);
  const port = Number(digits);
  if (port < 1 || port > 65535) throw malformed(`${what} has an impossible port`);
  const before = text.slice(0, colon);
  const host = before.startsWith('[') && before.endsWith(']') ? before.slice(1, -1) : before;
  if (host.includes(':') && !isIPv6(host)) throw malformed(`${what} has an impossible address`);
  return { host, port };
}

/** A literal address, or a name of characters that resolvers take; names are not judged further here. */
function isSendableHost(host: string): boolean {
  if (isIPv4(host) || isIPv6(host)) return !host.includes('%');
  return host.length > 0 && host.length <= MAX_HOST_BYTES && /^[A-Za-z0-9._-]+$/.test(host);
}
