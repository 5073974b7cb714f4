/**
 * AUTHENTICATE of type 3 (tor-spec 4.4.2, Ed25519-SHA256-RFC5705). Its body:
 *
 *     "AUTH0003" (8) | CID | SID | CID_ED | SID_ED | SLOG | CLOG | SCERT | TLSSECRETS (32 each) | RAND (24) | SIG (64)
 *
 * The receiver knows every field up to TLSSECRETS and compares; SIG covers all bytes before it, bytes after RAND that
 * nobody knows yet included. The context of the TLS exporter is CID: relays in the field do so, though tor-spec names
 * the Ed25519 identity.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { verifyEd25519 } from '../../directory/ed25519-cert.js';
import { KistError } from '../../util/errors.js';
import { ByteReader, malformed } from './byte-reader.js';
import { COMMAND, encodeVariableCell } from './cells.js';
import { AUTH_METHOD_ED25519 } from './link-cells.js';

const TYPE = Buffer.from('AUTH0003', 'latin1');
const KNOWN_BYTES = 8 + 8 * 32;
const RAND_BYTES = 24;
const SIGNATURE_BYTES = 64;

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** What both sides of a link know, and AUTHENTICATE says again: 32 bytes each. */
export interface AuthenticateFields {
  /** SHA-256 of the DER of the RSA identity keys. */
  readonly initiatorRsaDigest: Uint8Array;
  readonly responderRsaDigest: Uint8Array;
  readonly initiatorEd25519: Uint8Array;
  readonly responderEd25519: Uint8Array;
  /** SHA-256 of all bytes of cells that the responder sent up to AUTH_CHALLENGE, the initiator before AUTHENTICATE. */
  readonly responderLog: Uint8Array;
  readonly initiatorLog: Uint8Array;
  /** SHA-256 of the responder's TLS certificate. */
  readonly tlsCertificateDigest: Uint8Array;
  /** What the TLS exporter gave for the context CID. */
  readonly tlsSecrets: Uint8Array;
}

function knownPart(fields: AuthenticateFields): Buffer {
  const { initiatorRsaDigest, responderRsaDigest, initiatorEd25519, responderEd25519 } = fields;
  const identities = [initiatorRsaDigest, responderRsaDigest, initiatorEd25519, responderEd25519];
  const { responderLog, initiatorLog, tlsCertificateDigest, tlsSecrets } = fields;
  return Buffer.concat([TYPE, ...identities, responderLog, initiatorLog, tlsCertificateDigest, tlsSecrets]);
}

/** A whole AUTHENTICATE cell; `random` is 24 bytes. */
export function encodeAuthenticate(
  fields: AuthenticateFields,
  random: Uint8Array,
  sign: (bytes: Uint8Array) => Uint8Array,
): Buffer {
  const body = Buffer.concat([knownPart(fields), random.subarray(0, RAND_BYTES)]);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(AUTH_METHOD_ED25519, 0);
  head.writeUInt16BE(body.length + SIGNATURE_BYTES, 2);
  return encodeVariableCell(COMMAND.authenticate, Buffer.concat([head, body, sign(body)]));
}

export interface Authenticate {
  /** The fields that the receiver knows. */
  readonly known: Buffer;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export function parseAuthenticate(payload: Uint8Array): Authenticate {
  const reader = new ByteReader(payload, 'AUTHENTICATE');
  const type = reader.u16('type');
  const body = reader.bytes(reader.u16('length'), 'body');
  if (type !== AUTH_METHOD_ED25519) throw malformed(`AUTHENTICATE is of type ${type}, which was not offered`);
  const signed = body.length - SIGNATURE_BYTES;
  if (signed < KNOWN_BYTES + RAND_BYTES) throw malformed(`AUTHENTICATE has a body of ${body.length} bytes`);
  return {
    known: body.subarray(0, KNOWN_BYTES),
    signed: body.subarray(0, signed),
    signature: body.subarray(signed),
  };
}

/** Throws a KistError unless the cell says what it must and the authentication key signed it. */
export function checkAuthenticate(
  cell: Authenticate,
  expected: AuthenticateFields,
  authenticationKey: Uint8Array,
): void {
  const known = knownPart(expected);
  if (known.length !== KNOWN_BYTES || !timingSafeEqual(cell.known, known))
    throw new KistError('ERR_KIST_LINK_HANDSHAKE', 'AUTHENTICATE is about another link than this one');
  if (!verifyEd25519(authenticationKey, cell.signed, cell.signature))
    throw new KistError('ERR_KIST_LINK_HANDSHAKE', 'AUTHENTICATE has a wrong signature');
}
