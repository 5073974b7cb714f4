/**
 * CREATE2, CREATED2 and their relayed forms EXTEND2, EXTENDED2 (tor-spec 5.1, 5.1.2):
 *
 *     CREATE2   HTYPE (2) | HLEN (2) | HDATA            CREATED2, EXTENDED2   HLEN (2) | HDATA
 *     EXTEND2   link specifiers | HTYPE (2) | HLEN (2) | HDATA
 *
 * Bytes after HDATA are padding and ignored.
 */
import type { ExtendTarget } from '../control-dialect.js';
import { ByteReader, malformed } from './byte-reader.js';
import { COMMAND, commandName, MAX_RELAY_BODY_BYTES, PAYLOAD_BYTES } from './cells.js';
import { encodeLinkSpecifiers, readLinkSpecifiers } from './link-specifiers.js';
import type { LinkSpecifiers } from './link-specifiers.js';

/** HTYPE; `fast` stands for what CREATE_FAST carries, and is never in a CREATE2 cell. */
export const HANDSHAKE_TYPE = { tap: 0, fast: 1, ntor: 2, ntorV3: 3 } as const;

const TAP_BYTES = 186;
const FAST_BYTES = 20;
const NTOR_BYTES = 84;
/** A CREATE cell whose payload begins so carries ntor. */
const NTOR_TAG = Buffer.from('ntorNTORntorNTOR', 'latin1');
const ANSWER_BYTES = MAX_RELAY_BODY_BYTES - 2;
/** By HTYPE; others have no fixed length. */
const SKIN_BYTES: readonly number[] = [TAP_BYTES, FAST_BYTES, NTOR_BYTES];
const ZERO_FINGERPRINT = '0'.repeat(40);

/** The first half of a circuit handshake. */
export interface OnionRequest {
  /** HTYPE. */
  readonly type: number;
  /** HDATA, the "onion skin". */
  readonly skin: Uint8Array;
}

export function encodeCreate2({ type, skin }: OnionRequest): Buffer {
  if (skin.length > PAYLOAD_BYTES - 4) throw malformed(`CREATE2 cannot carry ${skin.length} bytes`);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(skin.length, 2);
  return Buffer.concat([head, skin]);
}

function readHandshake(reader: ByteReader): OnionRequest {
  const type = reader.u16('handshake type');
  const skin = reader.bytes(reader.u16('handshake length'), 'handshake');
  const length = SKIN_BYTES[type];
  if (type === HANDSHAKE_TYPE.fast) throw malformed('CREATE_FAST is asked for in CREATE2');
  if (length !== undefined && skin.length !== length)
    throw malformed(`a handshake of type ${type} has ${skin.length} bytes instead of ${length}`);
  return { type, skin };
}

export function parseCreate2(payload: Uint8Array): OnionRequest {
  return readHandshake(new ByteReader(payload, 'CREATE2'));
}

/** The handshake in a whole CREATE2, CREATE_FAST or CREATE cell (of a 4-byte circuit ID). */
export function parseCreate(cell: Uint8Array): OnionRequest {
  const command = cell[4] ?? -1;
  const payload = cell.subarray(5);
  if (command === COMMAND.create2) return parseCreate2(payload);
  const reader = new ByteReader(payload, commandName(command));
  if (command === COMMAND.createFast)
    return { type: HANDSHAKE_TYPE.fast, skin: reader.bytes(FAST_BYTES, 'key material') };
  if (command !== COMMAND.create) throw malformed(`${commandName(command)} creates no circuit`);
  const isNtor = NTOR_TAG.equals(payload.subarray(0, NTOR_TAG.length));
  if (!isNtor) return { type: HANDSHAKE_TYPE.tap, skin: reader.bytes(TAP_BYTES, 'handshake') };
  reader.bytes(NTOR_TAG.length, 'handshake tag');
  return { type: HANDSHAKE_TYPE.ntor, skin: reader.bytes(NTOR_BYTES, 'handshake') };
}

/** The body of EXTENDED2, which is the payload of CREATED2 too. `answer`: HDATA. */
export function encodeExtended2(answer: Uint8Array): Buffer {
  if (answer.length > ANSWER_BYTES) throw malformed(`EXTENDED2 cannot carry ${answer.length} bytes`);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(answer.length);
  return Buffer.concat([head, answer]);
}

function readAnswer(reader: ByteReader): Uint8Array {
  const length = reader.u16('handshake length');
  if (length > ANSWER_BYTES) throw malformed(`an answer of ${length} bytes fits no relay cell`);
  return reader.bytes(length, 'handshake');
}

/** HDATA of the body of EXTENDED2. */
export function parseExtended2(body: Uint8Array): Uint8Array {
  return readAnswer(new ByteReader(body, 'EXTENDED2'));
}

/** HDATA of a whole CREATED2 cell (of a 4-byte circuit ID). */
export function parseCreated2(cell: Uint8Array): Uint8Array {
  const command = cell[4] ?? -1;
  if (command !== COMMAND.created2) throw malformed(`${commandName(command)} came instead of CREATED2`);
  return readAnswer(new ByteReader(cell.subarray(5), 'CREATED2'));
}

export interface Extend2 {
  readonly specifiers: LinkSpecifiers;
  /** The payload of the CREATE2 cell that shall be sent. */
  readonly handshake: Uint8Array;
}

export function encodeExtend2({ specifiers, handshake }: Extend2): Buffer {
  const body = Buffer.concat([encodeLinkSpecifiers(specifiers), handshake]);
  if (body.length > MAX_RELAY_BODY_BYTES) throw malformed(`EXTEND2 cannot carry ${body.length} bytes`);
  return body;
}

/** What a relay that is asked to extend must know. */
export interface ExtendRequest extends Extend2 {
  /** The IPv4 address where there is one, else the IPv6 one; an identity that is all zeroes is left out. */
  readonly target: ExtendTarget;
}

/** Reads EXTEND2; refuses a target without an RSA identity (or with one of zeroes) or without an address. */
export function parseExtend2(body: Uint8Array): ExtendRequest {
  const reader = new ByteReader(body, 'EXTEND2');
  const specifiers = readLinkSpecifiers(reader);
  const handshake = encodeCreate2(readHandshake(reader));
  const { rsaFingerprint, ed25519Identity, ipv4, ipv6 } = specifiers;
  if (rsaFingerprint === undefined) throw malformed('EXTEND2 names no RSA identity');
  if (rsaFingerprint === ZERO_FINGERPRINT) throw malformed('EXTEND2 names an RSA identity of zeroes');
  const orPort = ipv4 ?? ipv6;
  if (orPort === undefined) throw malformed('EXTEND2 names no address');
  return { specifiers, handshake, target: { ...orPort, peerId: rsaFingerprint, ed25519Identity } };
}
