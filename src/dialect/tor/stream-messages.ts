/**
 * Bodies of the relay messages about streams (tor-spec 6.2, 6.3) and of SENDME (tor-spec 7.3.1). Those of look-ups are
 * in a file of their own and handed on here.
 */
import { isIPv6 } from 'node:net';
import { addressFromBytes, addressToBytes } from './addresses.js';
import { ByteReader, malformed } from './byte-reader.js';
import { isSendableHost, latin1 } from './host-names.js';
import { END_REASON } from './reasons.js';

export { encodeResolve, encodeResolved, parseResolve, parseResolved } from './resolve-messages.js';

const MAX_TTL = 0x7fffffff;

/** Where a stream shall go, and which addresses of a name may be used. */
export interface BeginTarget {
  /** A name in lower case, or a literal address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly allowsIpv4: boolean;
  readonly allowsIpv6: boolean;
  readonly prefersIpv6: boolean;
}

const IPV6_OK = 1;
const IPV4_NOT_OK = 2;
const IPV6_PREFERRED = 4;

/** Without any flag the 4 bytes are left out, as old senders do. */
export function encodeBegin(target: BeginTarget): Buffer {
  const { host, port, allowsIpv4, allowsIpv6, prefersIpv6 } = target;
  if (!isSendableHost(host)) throw malformed(`BEGIN cannot carry the host ${JSON.stringify(host)}`);
  const name = isIPv6(host) ? `[${host}]` : host;
  const text = Buffer.from(`${name.toLowerCase()}:${port}\0`, 'latin1');
  const bits =
    (allowsIpv6 ? IPV6_OK : 0) | (allowsIpv4 ? 0 : IPV4_NOT_OK) | (prefersIpv6 ? IPV6_PREFERRED : 0);
  return bits === 0 ? text : Buffer.concat([text, Buffer.from([0, 0, 0, bits])]);
}

/** Reads BEGIN: text up to the first NUL, which must be there; then flags, where there are 4 bytes of them. */
export function parseBegin(body: Uint8Array): BeginTarget {
  const nul = body.indexOf(0);
  if (nul < 0) throw malformed('BEGIN has no NUL after the address');
  const text = latin1(body.subarray(0, nul));
  const colon = text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  if (colon < 1 || !/^\d{1,5}$/.test(digits)) throw malformed('BEGIN has no host:port');
  const port = Number(digits);
  if (port < 1 || port > 65535) throw malformed('BEGIN has an impossible port');
  const before = text.slice(0, colon);
  const isBracketed = before.startsWith('[') && before.endsWith(']');
  const host = (isBracketed ? before.slice(1, -1) : before).toLowerCase();
  if (isBracketed !== isIPv6(host) || !isSendableHost(host)) throw malformed('BEGIN names no valid host');
  // Only the lowest byte has flags that mean something.
  const bits = body.length >= nul + 5 ? (body[nul + 4] ?? 0) : 0;
  return {
    host,
    port,
    allowsIpv4: (bits & IPV4_NOT_OK) === 0,
    allowsIpv6: (bits & IPV6_OK) !== 0,
    prefersIpv6: (bits & IPV6_PREFERRED) !== 0,
  };
}

/** What CONNECTED says: nothing about directory streams, else where the stream goes. */
export interface Connected {
  readonly address?: string | undefined;
  /** Seconds; undefined where it is absent or absurd. */
  readonly ttl?: number | undefined;
}

function ttlBytes(ttl: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(ttl);
  return bytes;
}

/** Without an address: for directory streams. */
export function encodeConnected(address?: string, ttl = 0): Buffer {
  if (address === undefined) return Buffer.alloc(0);
  const bytes = addressToBytes(address);
  if (bytes === undefined) throw malformed(`CONNECTED cannot carry ${JSON.stringify(address)}`);
  if (bytes.length === 4) return Buffer.concat([bytes, ttlBytes(ttl)]);
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 6]), bytes, ttlBytes(ttl)]);
}

function readTtl(reader: ByteReader): number | undefined {
  if (reader.left < 4) return undefined;
  const ttl = reader.u32('time to live');
  return ttl > MAX_TTL ? undefined : ttl;
}

export function parseConnected(body: Uint8Array): Connected {
  if (body.length === 0) return {};
  const reader = new ByteReader(body, 'CONNECTED');
  const ipv4 = reader.bytes(4, 'address');
  if (ipv4.some((byte) => byte !== 0)) return { address: addressFromBytes(ipv4), ttl: readTtl(reader) };
  const type = reader.u8('type of address');
  if (type !== 6) throw malformed(`CONNECTED has an address of the unknown type ${type}`);
  const address = addressFromBytes(reader.bytes(16, 'address'));
  if (reader.left < 4) throw malformed('CONNECTED has an IPv6 address without a time to live');
  return { address, ttl: readTtl(reader) };
}

/** END: why, and with `exitPolicy` which address was refused and for how long that is worth remembering. */
export interface End {
  readonly reason: number;
  readonly address?: string | undefined;
  readonly ttl?: number | undefined;
}

/** The address goes along with `exitPolicy` only. */
export function encodeEnd(reason: number, address?: string, ttl = 0): Buffer {
  const first = Buffer.from([reason]);
  const bytes = address === undefined ? undefined : addressToBytes(address);
  if (reason !== END_REASON.exitPolicy || bytes === undefined) return first;
  return Buffer.concat([first, bytes, ttlBytes(ttl)]);
}

/** Reads any END: an empty one means `misc`, and an address of a wrong length is as none. Never throws. */
export function parseEnd(body: Uint8Array): End {
  const reason = body[0] ?? END_REASON.misc;
  if (reason !== END_REASON.exitPolicy) return { reason };
  const length = body.length >= 21 ? 16 : body.length === 5 || body.length === 9 ? 4 : 0;
  if (length === 0 || body.length < 1 + length) return { reason };
  const reader = new ByteReader(body.subarray(1), 'END');
  return { reason, address: addressFromBytes(reader.bytes(length, 'address')), ttl: readTtl(reader) };
}

/** Version 0 says nothing; version 1 proves with the digest of the cell that asked for it that it arrived. */
export type Sendme =
  { readonly version: 0 } | { readonly version: 1; /** 20 bytes. */ readonly digest: Uint8Array };

const DIGEST_BYTES = 20;

export function encodeSendme(sendme: Sendme): Buffer {
  if (sendme.version === 0) return Buffer.alloc(0);
  if (sendme.digest.length !== DIGEST_BYTES)
    throw malformed(`a SENDME digest of ${sendme.digest.length} bytes`);
  return Buffer.concat([Buffer.from([1, 0, DIGEST_BYTES]), sendme.digest]);
}

export function parseSendme(body: Uint8Array): Sendme {
  if (body.length === 0 || body[0] === 0) return { version: 0 };
  const reader = new ByteReader(body, 'SENDME');
  const version = reader.u8('version');
  if (version !== 1) throw malformed(`SENDME is of the unknown version ${version}`);
  const data = reader.bytes(reader.u16('length'), 'data');
  if (data.length < DIGEST_BYTES) throw malformed(`SENDME has a digest of ${data.length} bytes`);
  return { version: 1, digest: data.subarray(0, DIGEST_BYTES) };
}
