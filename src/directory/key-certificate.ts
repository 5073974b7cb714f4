import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ItemIndex } from './item-rules.js';
import type { ItemRules } from './item-rules.js';
import { splitDocuments, tokenize } from './items.js';
import { rsaDigest, rsaPublicKey, verifyRsa } from './rsa-keys.js';
import { parseTime, toHex } from './text-codec.js';

/** A directory authority's certificate: its identity key vouches for a signing key (dir-spec 3.1). Verified. */
export interface KeyCertificate {
  /** SHA-1 of the authority's identity key (its v3ident): 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** SHA-1 of the signing key, written alike. */
  readonly signingKeyDigest: string;
  readonly signingKey: KeyObject;
  readonly published: Date;
  readonly expires: Date;
  /** `address:port` of the authority's directory port, if it says so. */
  readonly dirAddress: string | undefined;
  readonly bytes: Uint8Array;
}

const MAX_BYTES = 128 * 1024;
const CERTIFICATION = 'dir-key-certification';

const RULES: ItemRules = {
  'dir-key-certificate-version': { count: 'once', args: 1 },
  'dir-address': { count: 'optional', args: 1 },
  fingerprint: { count: 'once', args: 1 },
  'dir-identity-key': { count: 'once', object: 'RSA PUBLIC KEY' },
  'dir-key-published': { count: 'once', args: 2 },
  'dir-key-expires': { count: 'once', args: 2 },
  'dir-signing-key': { count: 'once', object: 'RSA PUBLIC KEY' },
  'dir-key-crosscert': { count: 'once', object: 'any' },
  [CERTIFICATION]: { count: 'once', object: 'SIGNATURE' },
};

/** Reads a key certificate and verifies both signatures. Whether it has expired is for the caller to judge. */
export function parseKeyCertificate(bytes: Uint8Array): KeyCertificate {
  const document = tokenize('key certificate', bytes, { maxBytes: MAX_BYTES });
  const index = new ItemIndex('key certificate', document, RULES);
  const first = index.one('dir-key-certificate-version');
  const last = index.one(CERTIFICATION);
  if (document.items[0] !== first || first.args[0] !== '3') throw index.error('it is not of version 3');
  if (document.items.at(-1) !== last) throw index.error(`"${CERTIFICATION}" is not the last item`);
  const identity = readKey(index, 'dir-identity-key');
  const signing = readKey(index, 'dir-signing-key');
  const identityDigest = rsaDigest(identity.der);
  const fingerprint = toHex(identityDigest);
  if (index.one('fingerprint').args[0]?.toUpperCase() !== fingerprint) {
    throw index.error('the "fingerprint" line does not match the identity key');
  }
  const crosscert = index.one('dir-key-crosscert').object?.bytes ?? new Uint8Array();
  if (!verifyRsa(signing.key, identityDigest, crosscert)) throw index.error('the cross-certificate is wrong');
  const covered = bytes.subarray(first.start, document.text.indexOf('\n', last.start) + 1);
  const digest = new Uint8Array(createHash('sha1').update(covered).digest());
  if (!verifyRsa(identity.key, digest, last.object?.bytes ?? new Uint8Array())) {
    throw index.error('the signature is wrong');
  }
  return {
    fingerprint,
    signingKeyDigest: toHex(rsaDigest(signing.der)),
    signingKey: signing.key,
    published: readTime(index, 'dir-key-published'),
    expires: readTime(index, 'dir-key-expires'),
    dirAddress: index.optional('dir-address')?.args[0],
    bytes: bytes.subarray(first.start, last.end),
  };
}

/** Reads a file of key certificates: those that verify, and why others do not. */
export function parseKeyCertificates(bytes: Uint8Array): {
  certificates: readonly KeyCertificate[];
  errors: readonly Error[];
} {
  const certificates: KeyCertificate[] = [];
  const errors: Error[] = [];
  for (const document of splitDocuments(bytes, 'dir-key-certificate-version')) {
    try {
      certificates.push(parseKeyCertificate(document));
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return { certificates, errors };
}

function readKey(index: ItemIndex, keyword: string): { der: Uint8Array; key: KeyObject } {
  const der = index.one(keyword).object?.bytes ?? new Uint8Array();
  const key = rsaPublicKey(der);
  if (key === undefined || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 1024) {
    throw index.error(`the key after "${keyword}" is not RSA of at least 1024 bits`);
  }
  return { der, key };
}

function readTime(index: ItemIndex, keyword: string): Date {
  const time = parseTime(index.one(keyword).args.slice(0, 2).join(' '));
  if (time === undefined) throw index.error(`malformed time in the "${keyword}" line`);
  return time;
}
