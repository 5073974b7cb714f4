import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CERT_TYPE, checkEd25519Cert, parseEd25519Cert, verifyEd25519 } from './ed25519-cert.js';
import type { Ed25519Cert } from './ed25519-cert.js';
import type { Ed25519Signer } from './ed25519-keys.js';
import type { DocumentItem } from './items.js';
import type { ItemIndex } from './item-rules.js';
import { signRsa, verifyRsa } from './rsa-keys.js';
import { formatObject, fromBase64, toBase64 } from './text-codec.js';

/**
 * What server descriptors and extra-info documents have in common (dir-spec 2.1): the signing key's certificate right
 * after the first line, an Ed25519 signature as the last line but one, an RSA signature as the last.
 */

/** Goes before the document when its Ed25519 signature is made. */
const ED25519_PREFIX = 'Tor router descriptor signature v1';
const ED25519_KEYWORD = 'router-sig-ed25519';
const RSA_KEYWORD = 'router-signature';

export interface SignedDocument {
  readonly bytes: Uint8Array;
  /** SHA-1 of everything but the RSA signature's object: what names the document. */
  readonly sha1: Uint8Array;
  /** SHA-256 of all of it. */
  readonly sha256: Uint8Array;
}

/** Adds both signatures to a document that ends in a line feed. */
export function signDocument(
  text: string,
  signingKey: Ed25519Signer,
  rsaIdentity: KeyObject,
): SignedDocument {
  const toSign = `${text}${ED25519_KEYWORD} `;
  const signature = signingKey.sign(ed25519Digest(Buffer.from(toSign, 'utf8')));
  const toSignRsa = Buffer.from(`${toSign}${toBase64(signature)}\n${RSA_KEYWORD}\n`, 'utf8');
  const sha1 = sha1Of(toSignRsa);
  const rsa = formatObject('SIGNATURE', signRsa(rsaIdentity, sha1));
  const bytes = new Uint8Array(Buffer.concat([toSignRsa, Buffer.from(rsa, 'latin1')]));
  return { bytes, sha1, sha256: sha256Of(bytes) };
}

/** The identity-ed25519 item and its text, for a document with this certificate. */
export function formatIdentity(certificate: Uint8Array): string {
  return `identity-ed25519\n${formatObject('ED25519 CERT', certificate)}`;
}

/**
 * The signing key's certificate, checked by the Ed25519 signature: it must stand second, be of type 4 and name the
 * master key that signed it. Whether it has expired is for the caller to judge.
 */
export function checkEd25519Signature(index: ItemIndex): Ed25519Cert & { signingKey: Uint8Array } {
  const { items, text, bytes } = index.document;
  const identity = index.one('identity-ed25519');
  if (items[1] !== identity) throw index.error('"identity-ed25519" does not stand second');
  const certificate = readCertificate(index, identity, CERT_TYPE.signing);
  const { signingKey } = certificate;
  if (signingKey === undefined)
    throw index.error('the signing key certificate does not include the master key');
  const item = index.one(ED25519_KEYWORD);
  if (items.at(-2) !== item || !text.startsWith(`${ED25519_KEYWORD} `, item.start)) {
    throw index.error(`"${ED25519_KEYWORD}" is not the last item but one`);
  }
  const signature = fromBase64(item.args[0] ?? '', 64);
  const covered = bytes.subarray(items[0]?.start ?? 0, item.start + ED25519_KEYWORD.length + 1);
  if (
    signature === undefined ||
    !verifyEd25519(certificate.certifiedKey, ed25519Digest(covered), signature)
  ) {
    throw index.error('the Ed25519 signature is wrong');
  }
  return { ...certificate, signingKey: Uint8Array.from(signingKey) };
}

/** The Ed25519 certificate in an item's object, its signature checked; `signer` when it does not name its signer. */
export function readCertificate(
  index: ItemIndex,
  item: DocumentItem,
  type: number,
  signer?: Uint8Array,
): Ed25519Cert {
  try {
    const certificate = parseEd25519Cert(item.object?.bytes ?? new Uint8Array());
    checkEd25519Cert(certificate, { type, signingKey: signer, now: 0 });
    return certificate;
  } catch (error) {
    throw index.error(`in "${item.keyword}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** SHA-1 of the document up to the RSA signature's object; the item must be the last. */
export function documentSha1(index: ItemIndex): Uint8Array {
  const { items, text, bytes } = index.document;
  const item = index.one(RSA_KEYWORD);
  if (items.at(-1) !== item || !text.startsWith(`${RSA_KEYWORD}\n`, item.start)) {
    throw index.error(`"${RSA_KEYWORD}" is not the last item`);
  }
  return sha1Of(bytes.subarray(items[0]?.start ?? 0, item.start + RSA_KEYWORD.length + 1));
}

export function checkRsaSignature(index: ItemIndex, key: KeyObject, sha1: Uint8Array): void {
  const signature = index.one(RSA_KEYWORD).object?.bytes ?? new Uint8Array();
  if (!verifyRsa(key, sha1, signature)) throw index.error('the RSA signature is wrong');
}

/** SHA-256 of the whole document without blank lines after it. */
export function documentSha256(index: ItemIndex): Uint8Array {
  const { items, bytes } = index.document;
  return sha256Of(bytes.subarray(items[0]?.start ?? 0, items.at(-1)?.end ?? bytes.length));
}

function ed25519Digest(covered: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(ED25519_PREFIX).update(covered).digest());
}

function sha1Of(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(bytes).digest());
}

function sha256Of(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
