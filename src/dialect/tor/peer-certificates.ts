/** The checks of a peer's CERTS cell (tor-spec 4.2). They prove an initiator's identity only with AUTHENTICATE. */
import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CERT_TYPE, checkEd25519Cert, parseEd25519Cert } from '../../directory/ed25519-cert.js';
import { checkRsaEdCrosscert, parseRsaEdCrosscert } from '../../directory/rsa-ed-crosscert.js';
import { rsaFingerprint, rsaPublicDer } from '../../directory/rsa-keys.js';
import { KistError } from '../../util/errors.js';
import { sha256 } from './authenticate.js';

/** Types in CERTS beside those of Ed25519 certificates. */
export const RSA_IDENTITY_CERT = 2;
export const RSA_ED_CROSS_CERT = 7;

const DAY_SECONDS = 86_400;
/** Clocks differ: so much after its end and before its start an RSA certificate is still taken, as C tor does. */
const PAST_TOLERANCE_SECONDS = 2 * DAY_SECONDS;
const FUTURE_TOLERANCE_SECONDS = 30 * DAY_SECONDS;

/** Who a peer says it is, in certificates that fit together. */
export interface PeerCertificates {
  /** SHA-1 of the RSA identity key in 40 upper-case hexadecimal digits. */
  readonly rsaFingerprint: string;
  /** SHA-256 of the DER of that key. */
  readonly rsaDigest: Uint8Array;
  readonly ed25519Identity: Uint8Array;
  /** What the certificate of type 5 or 6 certifies: the digest of a TLS certificate, an authentication key. */
  readonly certified: Uint8Array;
}

function fail(message: string): KistError {
  return new KistError('ERR_KIST_CERTIFICATE', message);
}

function take(certificates: ReadonlyMap<number, Uint8Array>, type: number): Uint8Array {
  const body = certificates.get(type);
  if (body === undefined) throw fail(`CERTS has no certificate of type ${type}`);
  return body;
}

/** What a responder's CERTS proves, whose TLS certificate is the given one (DER). `now` in seconds. */
export function checkResponderCerts(
  certificates: ReadonlyMap<number, Uint8Array>,
  tlsCertificate: Uint8Array,
  now: number,
): PeerCertificates {
  const peer = checkCerts(certificates, CERT_TYPE.link, now);
  if (!sha256(tlsCertificate).equals(peer.certified))
    throw fail('the certificate of type 5 is about another TLS certificate than that of this link');
  return peer;
}

/** What an initiator's CERTS says; `certified` is the key that AUTHENTICATE must be signed with. */
export function checkInitiatorCerts(
  certificates: ReadonlyMap<number, Uint8Array>,
  now: number,
): PeerCertificates {
  return checkCerts(certificates, CERT_TYPE.authentication, now);
}

function checkCerts(
  certificates: ReadonlyMap<number, Uint8Array>,
  lastType: number,
  now: number,
): PeerCertificates {
  const rsaKey = readRsaIdentity(take(certificates, RSA_IDENTITY_CERT), now);
  const bySigning = parseEd25519Cert(take(certificates, lastType));
  const ofSigning = parseEd25519Cert(take(certificates, CERT_TYPE.signing));
  if (ofSigning.signingKey === undefined) throw fail('the certificate of type 4 names no identity');
  const ed25519Identity = checkEd25519Cert(ofSigning, { type: CERT_TYPE.signing, now });
  checkEd25519Cert(bySigning, { type: lastType, signingKey: ofSigning.certifiedKey, now });
  const cross = parseRsaEdCrosscert(take(certificates, RSA_ED_CROSS_CERT));
  checkRsaEdCrosscert(cross, rsaKey, ed25519Identity, now);
  const der = rsaPublicDer(rsaKey);
  return {
    rsaFingerprint: rsaFingerprint(der),
    rsaDigest: sha256(der),
    ed25519Identity,
    certified: bySigning.certifiedKey,
  };
}

/** The RSA key of 1024 bits that a self-signed X.509 certificate shows. */
function readRsaIdentity(der: Uint8Array, now: number): KeyObject {
  const { certificate, key } = readX509(der);
  if (key.asymmetricKeyType !== 'rsa' || key.asymmetricKeyDetails?.modulusLength !== 1024)
    throw fail('the RSA identity certificate has a key that is not RSA of 1024 bits');
  const from = Date.parse(certificate.validFrom) / 1000;
  const to = Date.parse(certificate.validTo) / 1000;
  if (!(from <= now + FUTURE_TOLERANCE_SECONDS)) throw fail('the RSA identity certificate is not valid yet');
  if (!(to >= now - PAST_TOLERANCE_SECONDS)) throw fail('the RSA identity certificate has expired');
  let isSigned = false;
  try {
    isSigned = certificate.verify(key);
  } catch {
    // An algorithm that OpenSSL does not know proves nothing.
  }
  if (!isSigned) throw fail('the RSA identity certificate is not signed by its own key');
  return key;
}

function readX509(der: Uint8Array): { certificate: X509Certificate; key: KeyObject } {
  try {
    const certificate = new X509Certificate(der);
    // Node reads PEM too, and what follows a certificate; Tor has neither.
    if (certificate.raw.equals(der)) return { certificate, key: certificate.publicKey };
  } catch {
    // Said below.
  }
  throw new KistError(
    'ERR_KIST_MALFORMED',
    'the RSA identity certificate is not an X.509 certificate in DER',
  );
}
