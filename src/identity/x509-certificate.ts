import { createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  derBits,
  derExplicit,
  derInteger,
  derNull,
  derOid,
  derSequence,
  derSet,
  derTime,
  derUtf8,
} from './der.js';

const COMMON_NAME = '2.5.4.3';
const SHA256_WITH_RSA = '1.2.840.113549.1.1.11';

export interface CertificateFields {
  /** Common names. */
  readonly subject: string;
  readonly issuer: string;
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Whose certificate it is; only its public half is used. */
  readonly key: KeyObject;
  /** The RSA key that signs, with SHA-256. */
  readonly signer: KeyObject;
}

/**
 * An X.509 certificate (RFC 5280) without extensions, as relays use them in TLS and for their RSA identity: nobody
 * follows its names; what it is worth is proven in the link handshake.
 */
export function makeCertificate(fields: CertificateFields): Uint8Array {
  const algorithm = derSequence(derOid(SHA256_WITH_RSA), derNull());
  const publicKey = createPublicKey(fields.key).export({ format: 'der', type: 'spki' });
  const body = derSequence(
    derExplicit(0, derInteger(Uint8Array.of(2))),
    derInteger(fields.serial),
    algorithm,
    derName(fields.issuer),
    derSequence(derTime(fields.notBefore), derTime(fields.notAfter)),
    derName(fields.subject),
    new Uint8Array(publicKey),
  );
  return derSequence(body, algorithm, derBits(sign('sha256', body, fields.signer)));
}

function derName(commonName: string): Uint8Array {
  return derSequence(derSet(derSequence(derOid(COMMON_NAME), derUtf8(commonName))));
}
