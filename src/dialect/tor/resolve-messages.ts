/** Bodies of RESOLVE and RESOLVED: look-ups at an exit (tor-spec 6.4). */
import { addressFromBytes, addressToBytes } from './addresses.js';
import { ByteReader, malformed } from './byte-reader.js';
import { MAX_RELAY_BODY_BYTES } from './cells.js';
import { isSendableHost, latin1 } from './host-names.js';

const ANSWER_TYPE = { hostname: 0x00, ipv4: 0x04, ipv6: 0x06, transient: 0xf0, permanent: 0xf1 } as const;
const ERROR_TEXT = Buffer.from('Error resolving hostname', 'latin1');

/** For the name of an address ask for its `reverseName`. */
export function encodeResolve(name: string): Buffer {
  if (!isSendableHost(name)) throw malformed(`RESOLVE cannot carry the name ${JSON.stringify(name)}`);
  return Buffer.from(`${name.toLowerCase()}\0`, 'latin1');
}

/** The name that is asked for, in lower case; `addressOfReverseName` tells whether it stands for an address. */
export function parseResolve(body: Uint8Array): string {
  const nul = body.indexOf(0);
  if (nul < 0) throw malformed('RESOLVE has no NUL after the name');
  const name = latin1(body.subarray(0, nul)).toLowerCase();
  if (!isSendableHost(name)) throw malformed('RESOLVE asks for no valid name');
  return name;
}

/** One answer: `ttl` in seconds. */
export type ResolvedAnswer =
  { readonly address: string; readonly ttl: number } | { readonly hostname: string; readonly ttl: number };

export interface Resolved {
  readonly answers: readonly ResolvedAnswer[];
  /** Why there are none; `transient`: asking again later may help. */
  readonly error?: 'transient' | 'permanent' | undefined;
}

function entry(type: number, value: Uint8Array, ttl: number): Buffer {
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(ttl);
  return Buffer.concat([Buffer.from([type, value.length]), value, tail]);
}

function encodeAnswer(answer: ResolvedAnswer): Buffer {
  if ('hostname' in answer) {
    const name = Buffer.from(answer.hostname, 'latin1');
    if (name.length === 0 || name.length > 255) throw malformed(`a host name of ${name.length} bytes`);
    return entry(ANSWER_TYPE.hostname, name, answer.ttl);
  }
  const bytes = addressToBytes(answer.address);
  if (bytes === undefined) throw malformed(`RESOLVED cannot carry ${JSON.stringify(answer.address)}`);
  return entry(bytes.length === 4 ? ANSWER_TYPE.ipv4 : ANSWER_TYPE.ipv6, bytes, answer.ttl);
}

/** RESOLVED with answers; as many as fit. An IPv4 answer, where there is one, goes first. */
export function encodeAnswers(answers: readonly ResolvedAnswer[]): Buffer {
  const entries = answers.map((answer) => encodeAnswer(answer));
  const first = entries.findIndex((bytes) => bytes[0] === ANSWER_TYPE.ipv4);
  const ordered = first < 1 ? entries : [...entries.splice(first, 1), ...entries];
  let left = MAX_RELAY_BODY_BYTES;
  return Buffer.concat(ordered.filter((bytes) => (left -= bytes.length) >= 0));
}

/** RESOLVED that says that there is no answer. */
export function encodeResolveError(error: 'transient' | 'permanent'): Buffer {
  return entry(ANSWER_TYPE[error], ERROR_TEXT, 0);
}

/** RESOLVED with addresses, or with a permanent error where there are none. */
export function encodeResolved(addresses: readonly string[], ttl: number): Buffer {
  if (addresses.length === 0) return encodeResolveError('permanent');
  return encodeAnswers(addresses.map((address) => ({ address, ttl })));
}

/** Reads RESOLVED. Answers of unknown types are skipped, and an error beside answers does not count. */
export function parseResolved(body: Uint8Array): Resolved {
  const reader = new ByteReader(body, 'RESOLVED');
  const answers: ResolvedAnswer[] = [];
  let error: Resolved['error'];
  while (reader.left > 0) {
    const type = reader.u8('type of an answer');
    const value = reader.bytes(reader.u8('length of an answer'), 'an answer');
    const ttl = reader.u32('time to live');
    const expected = type === ANSWER_TYPE.ipv4 ? 4 : type === ANSWER_TYPE.ipv6 ? 16 : value.length;
    if (value.length !== expected || (type === ANSWER_TYPE.hostname && value.length === 0))
      throw malformed(`RESOLVED has an answer of type ${type} and ${value.length} bytes`);
    if (type === ANSWER_TYPE.hostname) answers.push({ hostname: latin1(value), ttl });
    else if (type === ANSWER_TYPE.ipv4 || type === ANSWER_TYPE.ipv6)
      answers.push({ address: addressFromBytes(value), ttl });
    else if (type === ANSWER_TYPE.transient) error ??= 'transient';
    else if (type === ANSWER_TYPE.permanent) error ??= 'permanent';
  }
  return answers.length > 0 || error === undefined ? { answers } : { answers, error };
}
