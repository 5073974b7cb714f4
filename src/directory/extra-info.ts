import type { KeyObject } from 'node:crypto';
import { argumentError } from '../util/errors.js';
import type { Ed25519Cert } from './ed25519-cert.js';
import { ItemIndex } from './item-rules.js';
import type { ItemRules } from './item-rules.js';
import { tokenize } from './items.js';
import type { DocumentItems } from './items.js';
import type { DescriptorKeys } from './router-descriptor-input.js';
import { rsaFingerprint, rsaPublicDer } from './rsa-keys.js';
import {
  checkEd25519Signature,
  checkRsaSignature,
  documentSha1,
  documentSha256,
  formatIdentity,
  signDocument,
} from './signed-document.js';
import type { SignedDocument } from './signed-document.js';
import { formatTime, parseTime } from './text-codec.js';

/** Authorities take no larger extra-info document (bytes). */
export const MAX_EXTRA_INFO_BYTES = 50_000;
const MAX_READ_BYTES = 256 * 1024;
/** The signatures that come after the statistics. */
const SIGNATURE_ROOM = 400;

export interface ExtraInfoInput {
  readonly nickname: string;
  /** The same as the server descriptor's. */
  readonly published: Date;
  /** Statistics (dir-spec 2.1.2): each entry is one or more whole lines without the last line feed. */
  readonly statistics: readonly string[];
}

/**
 * Writes and signs an extra-info document. Statistics that would make it too large for authorities are left out, the
 * last ones first.
 */
export function writeExtraInfo(
  input: ExtraInfoInput,
  keys: Pick<DescriptorKeys, 'rsaIdentity' | 'signingCertificate' | 'signingKey'>,
): SignedDocument {
  if (!/^[A-Za-z0-9]{1,19}$/.test(input.nickname)) {
    throw argumentError('nickname', '1 to 19 letters and digits', input.nickname);
  }
  const fingerprint = rsaFingerprint(rsaPublicDer(keys.rsaIdentity));
  let text =
    `extra-info ${input.nickname} ${fingerprint}\n` +
    formatIdentity(keys.signingCertificate) +
    `published ${formatTime(input.published)}\n`;
  for (const lines of input.statistics) {
    if (/\n(\n|$)|\0/.test(lines)) throw argumentError('statistics', 'whole lines', lines);
    if (Buffer.byteLength(text) + Buffer.byteLength(lines) + 1 > MAX_EXTRA_INFO_BYTES - SIGNATURE_ROOM) break;
    text += `${lines}\n`;
  }
  return signDocument(text, keys.signingKey, keys.rsaIdentity);
}

export interface ExtraInfo {
  readonly nickname: string;
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  readonly published: Date;
  readonly signingCertificate: Ed25519Cert;
  /** SHA-1 that names the document, as in the descriptor's extra-info-digest. */
  readonly sha1: Uint8Array;
  /** SHA-256 of the whole document: the second value there. */
  readonly sha256: Uint8Array;
  /** All lines: statistics are read from here. */
  readonly document: DocumentItems;
}

const RULES: ItemRules = {
  'extra-info': { count: 'once', args: 2 },
  'identity-ed25519': { count: 'once', object: 'ED25519 CERT' },
  published: { count: 'once', args: 2 },
  'router-sig-ed25519': { count: 'once', args: 1 },
  'router-signature': { count: 'once', object: 'SIGNATURE' },
};

/**
 * Reads an extra-info document and verifies its Ed25519 signature. The RSA identity key is not in it: with `rsaIdentity`
 * (from the relay's descriptor) that signature is verified too. Throws `ERR_KIST_DOCUMENT`.
 */
export function parseExtraInfo(bytes: Uint8Array, rsaIdentity?: KeyObject): ExtraInfo {
  const document = tokenize('extra-info document', bytes, { maxBytes: MAX_READ_BYTES });
  const index = new ItemIndex('extra-info document', document, RULES);
  const first = index.one('extra-info');
  if (document.items[0] !== first) throw index.error('it does not begin with an "extra-info" line');
  const [nickname = '', fingerprint = ''] = first.args;
  if (!/^[A-Za-z0-9]{1,19}$/.test(nickname)) throw index.error('malformed nickname');
  if (!/^[0-9A-Fa-f]{40}$/.test(fingerprint)) throw index.error('malformed fingerprint');
  const published = parseTime(index.one('published').args.slice(0, 2).join(' '));
  if (published === undefined) throw index.error('malformed time in the "published" line');
  const signingCertificate = checkEd25519Signature(index);
  const sha1 = documentSha1(index);
  if (rsaIdentity !== undefined) {
    if (rsaFingerprint(rsaPublicDer(rsaIdentity)) !== fingerprint.toUpperCase()) {
      throw index.error('the identity key is of another relay');
    }
    checkRsaSignature(index, rsaIdentity, sha1);
  }
  return {
    nickname,
    fingerprint: fingerprint.toUpperCase(),
    published,
    signingCertificate,
    sha1,
    sha256: documentSha256(index),
    document,
  };
}
