/**
 * Codecs of the cells of a link handshake (tor-spec 4.1 to 4.3, 4.5) and of PADDING_NEGOTIATE (tor-spec 7.2): payloads
 * in, values out. AUTHENTICATE has a file of its own. Bytes after the last field are ignored, but in VERSIONS.
 */
import { ByteReader, malformed } from './byte-reader.js';
import { COMMAND, encodeFixedCell, encodeVariableCell } from './cells.js';
import type { LinkCertificate } from './link-identity.js';

/** AuthType 3, Ed25519-SHA256-RFC5705: the only way of authentication that is offered or taken. */
export const AUTH_METHOD_ED25519 = 3;
const CHALLENGE_BYTES = 32;
const ATYPE_IPV4 = 4;
const ATYPE_IPV6 = 6;

export function encodeVersions(versions: readonly number[]): Buffer {
  const payload = Buffer.alloc(versions.length * 2);
  versions.forEach((version, index) => payload.writeUInt16BE(version, index * 2));
  return encodeVariableCell(COMMAND.versions, payload);
}

export function parseVersions(payload: Uint8Array): number[] {
  if (payload.length % 2 !== 0) throw malformed(`VERSIONS has an odd length of ${payload.length} bytes`);
  const reader = new ByteReader(payload, 'VERSIONS');
  return Array.from({ length: payload.length / 2 }, () => reader.u16('version'));
}

export function encodeCerts(certificates: readonly LinkCertificate[]): Buffer {
  const entries = certificates.map(({ type, body }) => {
    const head = Buffer.alloc(3);
    head.writeUInt8(type, 0);
    head.writeUInt16BE(body.length, 1);
    return Buffer.concat([head, body]);
  });
  return encodeVariableCell(COMMAND.certs, Buffer.concat([Buffer.from([certificates.length]), ...entries]));
}

/** Certificates by type. Two of one type are refused; types that nobody knows are kept. */
export function parseCerts(payload: Uint8Array): Map<number, Buffer> {
  const reader = new ByteReader(payload, 'CERTS');
  const count = reader.u8('number of certificates');
  const certificates = new Map<number, Buffer>();
  for (let i = 1; i <= count; i++) {
    const where = `of certificate ${i} of ${count}`;
    const type = reader.u8(`type ${where}`);
    const body = reader.bytes(reader.u16(`length ${where}`), `body ${where}`);
    if (certificates.has(type)) throw malformed(`CERTS has two certificates of type ${type}`);
    certificates.set(type, body);
  }
  return certificates;
}

export interface AuthChallenge {
  readonly challenge: Uint8Array;
  readonly methods: readonly number[];
}

export function encodeAuthChallenge({ challenge, methods }: AuthChallenge): Buffer {
  if (challenge.length !== CHALLENGE_BYTES) throw malformed(`a challenge of ${challenge.length} bytes`);
  const tail = Buffer.alloc(2 + methods.length * 2);
  tail.writeUInt16BE(methods.length, 0);
  methods.forEach((method, index) => tail.writeUInt16BE(method, 2 + index * 2));
  return encodeVariableCell(COMMAND.authChallenge, Buffer.concat([challenge, tail]));
}

export function parseAuthChallenge(payload: Uint8Array): AuthChallenge {
  const reader = new ByteReader(payload, 'AUTH_CHALLENGE');
  const challenge = reader.bytes(CHALLENGE_BYTES, 'challenge');
  const count = reader.u16('number of methods');
  if (reader.left < count * 2) throw malformed(`AUTH_CHALLENGE is too short for ${count} methods`);
  return { challenge, methods: Array.from({ length: count }, () => reader.u16('method')) };
}

/** Addresses are 4 or 16 bytes in network order. */
export interface Netinfo {
  /** Seconds since 1970, modulo 2^32; 0: not told. */
  readonly timestamp: number;
  /** The receiver's address as the sender sees it; undefined where it is of an unknown kind. */
  readonly otherAddress: Uint8Array | undefined;
  readonly ownAddresses: readonly Uint8Array[];
}

function encodeAddress(address: Uint8Array): Buffer {
  const type = address.length === 4 ? ATYPE_IPV4 : ATYPE_IPV6;
  return Buffer.concat([Buffer.from([type, address.length]), address]);
}

/** An `otherAddress` that is not known is sent as 0.0.0.0. */
export function encodeNetinfo({ timestamp, otherAddress, ownAddresses }: Netinfo): Buffer {
  const time = Buffer.alloc(4);
  time.writeUInt32BE(timestamp >>> 0);
  const parts = [time, encodeAddress(otherAddress ?? Buffer.alloc(4)), Buffer.from([ownAddresses.length])];
  return encodeFixedCell(
    COMMAND.netinfo,
    0,
    Buffer.concat([...parts, ...ownAddresses.map((address) => encodeAddress(address))]),
  );
}

/** Undefined for a type that is unknown or has another length than its own. */
function readAddress(reader: ByteReader, field: string): Buffer | undefined {
  const type = reader.u8(`type of ${field}`);
  const value = reader.bytes(reader.u8(`length of ${field}`), field);
  const expected = type === ATYPE_IPV4 ? 4 : type === ATYPE_IPV6 ? 16 : -1;
  return value.length === expected ? value : undefined;
}

export function parseNetinfo(payload: Uint8Array): Netinfo {
  const reader = new ByteReader(payload, 'NETINFO');
  const timestamp = reader.u32('timestamp');
  const otherAddress = readAddress(reader, "the receiver's address");
  const count = reader.u8('number of addresses');
  const ownAddresses: Buffer[] = [];
  for (let i = 1; i <= count; i++) {
    const address = readAddress(reader, `address ${i} of ${count}`);
    if (address !== undefined) ownAddresses.push(address);
  }
  return { timestamp, otherAddress, ownAddresses };
}

/** What a client wants of link padding (version 0). Times in milliseconds; 0: as the consensus says. */
export interface PaddingRequest {
  readonly isWanted: boolean;
  readonly lowMs: number;
  readonly highMs: number;
}

const PADDING_STOP = 1;
const PADDING_START = 2;

export function encodePaddingNegotiate({ isWanted, lowMs, highMs }: PaddingRequest): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt8(isWanted ? PADDING_START : PADDING_STOP, 1);
  payload.writeUInt16BE(lowMs, 2);
  payload.writeUInt16BE(highMs, 4);
  return encodeFixedCell(COMMAND.paddingNegotiate, 0, payload);
}

export function parsePaddingNegotiate(payload: Uint8Array): PaddingRequest {
  const reader = new ByteReader(payload, 'PADDING_NEGOTIATE');
  const version = reader.u8('version');
  if (version !== 0) throw malformed(`PADDING_NEGOTIATE has the unknown version ${version}`);
  const command = reader.u8('command');
  if (command !== PADDING_STOP && command !== PADDING_START)
    throw malformed(`PADDING_NEGOTIATE has the unknown command ${command}`);
  return { isWanted: command === PADDING_START, lowMs: reader.u16('low'), highMs: reader.u16('high') };
}
