/**
 * The datagrams of the Tor61 registration service: bytes in, value out, no socket, no clock.
 *
 *     0        2          3         4
 *     | 0xC461 | sequence | command | what the command needs ... |
 *
 * All numbers are big endian. Reading is strict about lengths: a datagram that is too short or has bytes left over
 * is an error that names the field. It is lenient about contents: any port, any data (agent IDs from 2^31 up are
 * normal), any bytes in a name. Names are kept one byte a character (latin1), so every name survives a round trip.
 * The only thing thrown is a KistError with code `ERR_KIST_REGISTRATION_MESSAGE`.
 */
import { isIPv4 } from 'node:net';
import { KistError } from '../../util/errors.js';

export const REGISTRATION_MAGIC = 0xc461;
export const REGISTRATION_PORT = 46101;
/** Readers in the field use buffers of 1024 bytes and a signed count: 100 entries are 1005 bytes. */
export const MAX_FETCH_ENTRIES = 100;
/** The longest message a service is ever sent: a Register with a name of 255 bytes. */
export const MAX_REQUEST_BYTES = 270;

const HEADER_BYTES = 4;
const ENTRY_BYTES = 10;
const REGISTER = 1;
const REGISTERED = 2;
const FETCH = 3;
const FETCH_RESPONSE = 4;
const UNREGISTER = 5;
const PROBE = 6;
const ACK = 7;

/** What a Fetch is answered with: no names, only where the relay listens and its agent ID (`data`). */
export interface RegistrationEntry {
  readonly ip: string;
  readonly port: number;
  readonly data: number;
}

/** A message without its sequence number: what a request is before the client numbers it. */
export type RegistrationPayload =
  | { readonly command: 'register'; ip: string; port: number; data: number; name: string }
  | { readonly command: 'registered'; lifetimeSeconds: number }
  | { readonly command: 'fetch'; prefix: string }
  | { readonly command: 'fetchResponse'; entries: readonly RegistrationEntry[] }
  | { readonly command: 'unregister'; ip: string; port: number }
  | { readonly command: 'probe' }
  | { readonly command: 'ack' };

export type RegistrationMessage = RegistrationPayload & { readonly sequence: number };

function malformed(message: string): KistError {
  return new KistError('ERR_KIST_REGISTRATION_MESSAGE', message, 'peer');
}

function unsendable(message: string): KistError {
  return new KistError('ERR_KIST_REGISTRATION_MESSAGE', message, 'operator');
}

/** Reads one field after the other; every failure names the field. */
class FieldReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #offset: number;

  constructor(bytes: Buffer, what: string, offset: number) {
    this.#bytes = bytes;
    this.#what = what;
    this.#offset = offset;
  }

  #take(length: number, field: string): number {
    const at = this.#offset;
    if (this.#bytes.length - at < length) {
      const left = this.#bytes.length - at;
      throw malformed(`${this.#what} is too short: ${field} needs ${length} bytes, ${left} are left`);
    }
    this.#offset += length;
    return at;
  }

  u8(field: string): number {
    return this.#bytes.readUInt8(this.#take(1, field));
  }

  u16(field: string): number {
    return this.#bytes.readUInt16BE(this.#take(2, field));
  }

  u32(field: string): number {
    return this.#bytes.readUInt32BE(this.#take(4, field));
  }

  ip(field: string): string {
    const at = this.#take(4, field);
    return this.#bytes.subarray(at, at + 4).join('.');
  }

  text(field: string): string {
    const length = this.u8(`${field} length`);
    const at = this.#take(length, field);
    return this.#bytes.toString('latin1', at, at + length);
  }

  end(): void {
    const left = this.#bytes.length - this.#offset;
    if (left > 0) throw malformed(`${this.#what} is too long: ${left} bytes are left over`);
  }
}

function readEntries(reader: FieldReader): RegistrationEntry[] {
  const count = reader.u8('count');
  const entries: RegistrationEntry[] = [];
  for (let i = 0; i < count; i++) {
    const where = `of entry ${i + 1} of ${count}`;
    entries.push({
      ip: reader.ip(`ip ${where}`),
      port: reader.u16(`port ${where}`),
      data: reader.u32(`data ${where}`),
    });
  }
  return entries;
}

const COMMAND_NAMES = ['', 'Register', 'Registered', 'Fetch', 'FetchResponse', 'Unregister', 'Probe', 'ACK'];

function readPayload(command: number, reader: FieldReader): RegistrationPayload {
  switch (command) {
    case REGISTER: {
      const ip = reader.ip('ip');
      const port = reader.u16('port');
      const data = reader.u32('data');
      return { command: 'register', ip, port, data, name: reader.text('name') };
    }
    case REGISTERED:
      return { command: 'registered', lifetimeSeconds: reader.u16('lifetime') };
    case FETCH:
      return { command: 'fetch', prefix: reader.text('prefix') };
    case FETCH_RESPONSE:
      return { command: 'fetchResponse', entries: readEntries(reader) };
    case UNREGISTER:
      return { command: 'unregister', ip: reader.ip('ip'), port: reader.u16('port') };
    case PROBE:
      return { command: 'probe' };
    case ACK:
      return { command: 'ack' };
    default:
      throw malformed(`unknown command ${command}`);
  }
}

/** Reads one datagram. Throws a KistError of kind `peer` that says what is wrong with it. */
export function decodeRegistration(datagram: Uint8Array): RegistrationMessage {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const header = new FieldReader(bytes, 'datagram', 0);
  const magic = header.u16('magic number');
  if (magic !== REGISTRATION_MAGIC) {
    throw malformed(`magic number is 0x${magic.toString(16).padStart(4, '0')}, not 0xc461`);
  }
  const sequence = header.u8('sequence number');
  const command = header.u8('command');
  const reader = new FieldReader(bytes, COMMAND_NAMES[command] ?? 'datagram', HEADER_BYTES);
  const payload = readPayload(command, reader);
  reader.end();
  return { ...payload, sequence };
}

function checkInteger(field: string, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw unsendable(`${field} must be an integer from 0 to ${max}, got ${String(value)}`);
  }
  return value;
}

function u8(field: string, value: number): Buffer {
  return Buffer.from([checkInteger(field, value, 0xff)]);
}

function u16(field: string, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(checkInteger(field, value, 0xffff));
  return bytes;
}

function u32(field: string, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(checkInteger(field, value, 0xffffffff));
  return bytes;
}

function ipBytes(ip: string): Buffer {
  if (!isIPv4(ip)) throw unsendable(`ip must be a dotted IPv4 address, got ${JSON.stringify(ip)}`);
  return Buffer.from(ip.split('.').map(Number));
}

function text(field: string, value: string): Buffer {
  if (/[^\0-\xff]/.test(value)) throw unsendable(`${field} has characters that do not fit in one byte`);
  if (value.length > 255) throw unsendable(`${field} is ${value.length} bytes long, at most 255 fit`);
  return Buffer.concat([u8(field, value.length), Buffer.from(value, 'latin1')]);
}

function writeEntries(entries: readonly RegistrationEntry[]): Buffer {
  const parts = entries.map((entry) =>
    Buffer.concat([ipBytes(entry.ip), u16('port', entry.port), u32('data', entry.data)], ENTRY_BYTES),
  );
  return Buffer.concat([u8('number of entries', entries.length), ...parts]);
}

function writePayload(message: RegistrationPayload): [command: number, ...parts: Buffer[]] {
  switch (message.command) {
    case 'register': {
      const { ip, port, data, name } = message;
      return [REGISTER, ipBytes(ip), u16('port', port), u32('data', data), text('name', name)];
    }
    case 'registered':
      return [REGISTERED, u16('lifetime', message.lifetimeSeconds)];
    case 'fetch':
      return [FETCH, text('prefix', message.prefix)];
    case 'fetchResponse':
      return [FETCH_RESPONSE, writeEntries(message.entries)];
    case 'unregister':
      return [UNREGISTER, ipBytes(message.ip), u16('port', message.port)];
    case 'probe':
      return [PROBE];
    case 'ack':
      return [ACK];
  }
}

/** Writes one datagram. Throws a KistError of kind `operator` that names the value that does not fit. */
export function encodeRegistration(message: RegistrationMessage): Buffer {
  const [command, ...parts] = writePayload(message);
  const sequence = u8('sequence number', message.sequence);
  return Buffer.concat([u16('magic number', REGISTRATION_MAGIC), sequence, u8('command', command), ...parts]);
}

/** A message in one readable line; a name's bytes outside printable ASCII are shown as escapes. */
export function describeRegistration(message: RegistrationMessage): string {
  const fields = (): string => {
    switch (message.command) {
      case 'register':
        return ` ${message.ip}:${message.port} data=${message.data} name=${quote(message.name)}`;
      case 'registered':
        return ` lifetime=${message.lifetimeSeconds}s`;
      case 'fetch':
        return ` prefix=${quote(message.prefix)}`;
      case 'fetchResponse':
        return ` ${message.entries.length} entries`;
      case 'unregister':
        return ` ${message.ip}:${message.port}`;
      case 'probe':
      case 'ack':
        return '';
    }
  };
  return `${message.command} seq=${message.sequence}${fields()}`;
}

/** Text from a peer made safe for terminals and logs. */
export function quote(value: string): string {
  const escape = (char: string): string => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `"${value.replace(/[^ !#-[\]-~]/g, escape)}"`;
}
