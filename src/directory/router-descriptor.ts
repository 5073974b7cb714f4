import type { KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { CERT_TYPE } from './ed25519-cert.js';
import type { Ed25519Cert } from './ed25519-cert.js';
import { ed25519FromCurve25519 } from './ed25519-keys.js';
import { ExitPolicy } from './exit-policy.js';
import { ItemIndex } from './item-rules.js';
import type { ItemRules } from './item-rules.js';
import { tokenize } from './items.js';
import type { DocumentItems } from './items.js';
import { parsePortSummary } from './port-summary.js';
import type { PortSummary } from './port-summary.js';
import { Protocols } from './protocols.js';
import { isStandardRsaKey, rsaDigest, rsaPublicKey, verifyRsa } from './rsa-keys.js';
import { parseAddressPort } from './address-port.js';
import type { AddressPort } from './address-port.js';
import {
  checkEd25519Signature,
  checkRsaSignature,
  documentSha1,
  documentSha256,
  readCertificate,
} from './signed-document.js';
import { fromBase64, fromHex, parseDecimal, parseTime, toHex } from './text-codec.js';

/** Authorities take no larger descriptor (bytes). */
export const MAX_DESCRIPTOR_BYTES = 20_000;
/** Readers take larger ones than authorities do, so that limits can grow. */
const MAX_READ_BYTES = 128 * 1024;
const MAX_INT = 2 ** 31 - 1;

/** A server descriptor whose signatures and cross-certificates are right. */
export interface RouterDescriptor {
  readonly nickname: string;
  readonly address: string;
  readonly orPort: number;
  readonly dirPort: number;
  readonly orAddresses: readonly AddressPort[];
  readonly platform: string | undefined;
  readonly contact: string | undefined;
  /** Undefined when the list is malformed: nothing may be relied on then. */
  readonly protocols: Protocols | undefined;
  readonly published: Date;
  readonly uptimeSeconds: number | undefined;
  readonly isHibernating: boolean;
  /** Bytes a second. */
  readonly bandwidth: { readonly rate: number; readonly burst: number; readonly observed: number };
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** Ed25519 master identity, 32 bytes. */
  readonly masterIdentity: Uint8Array;
  readonly signingCertificate: Ed25519Cert;
  /** DER of the RSA identity key. */
  readonly rsaIdentityDer: Uint8Array;
  /** DER of the TAP onion key; relays may stop publishing one. */
  readonly tapKeyDer: Uint8Array | undefined;
  readonly ntorKey: Uint8Array;
  readonly family: readonly string[];
  /** The IPv4 rules. */
  readonly exitPolicy: ExitPolicy;
  readonly ipv6Policy: PortSummary | undefined;
  readonly extraInfo: { readonly sha1: string; readonly sha256: Uint8Array | undefined } | undefined;
  readonly cachesExtraInfo: boolean;
  readonly isHiddenServiceDirectory: boolean;
  readonly isTunnelledDirServer: boolean;
  /** SHA-1 that names the descriptor, 20 bytes. */
  readonly sha1: Uint8Array;
  readonly sha256: Uint8Array;
  /** Seconds since 1970 when the first of its certificates expires: not checked here. */
  readonly expiresAt: number;
  /** All lines, those without a meaning here too. */
  readonly document: DocumentItems;
}

const RULES: ItemRules = {
  router: { count: 'once', args: 5 },
  'identity-ed25519': { count: 'once', object: 'ED25519 CERT' },
  'master-key-ed25519': { count: 'once', args: 1 },
  bandwidth: { count: 'once', args: 3 },
  platform: { count: 'optional' },
  proto: { count: 'once' },
  published: { count: 'once', args: 2 },
  fingerprint: { count: 'optional' },
  hibernating: { count: 'optional', args: 1 },
  uptime: { count: 'optional', args: 1 },
  'onion-key': { count: 'optional', object: 'RSA PUBLIC KEY' },
  'onion-key-crosscert': { count: 'optional', object: 'CROSSCERT' },
  'ntor-onion-key': { count: 'once', args: 1 },
  'ntor-onion-key-crosscert': { count: 'once', args: 1, object: 'ED25519 CERT' },
  'signing-key': { count: 'once', object: 'RSA PUBLIC KEY' },
  'ipv6-policy': { count: 'optional' },
  contact: { count: 'optional' },
  family: { count: 'optional' },
  'caches-extra-info': { count: 'optional' },
  'extra-info-digest': { count: 'optional', args: 1 },
  'hidden-service-dir': { count: 'optional' },
  'tunnelled-dir-server': { count: 'optional' },
  'or-address': { count: 'any', args: 1 },
  accept: { count: 'any' },
  reject: { count: 'any' },
  'router-sig-ed25519': { count: 'once', args: 1 },
  'router-signature': { count: 'once', object: 'SIGNATURE' },
};

/** Reads a server descriptor and verifies all its signatures. Throws `ERR_KIST_DOCUMENT`. */
export function parseRouterDescriptor(bytes: Uint8Array): RouterDescriptor {
  const document = tokenize('server descriptor', bytes, { maxBytes: MAX_READ_BYTES });
  const index = new ItemIndex('server descriptor', document, RULES);
  const identity = rsaKey(index, 'signing-key');
  const fingerprint = toHex(rsaDigest(identity.der));
  const certificate = checkEd25519Signature(index);
  checkIdentities(index, fingerprint, certificate.signingKey);
  const crossExpiresAt = checkNtorCrosscert(index, certificate.signingKey);
  const tapKeyDer = checkTapCrosscert(index, identity.der, certificate.signingKey);
  const sha1 = documentSha1(index);
  checkRsaSignature(index, identity.key, sha1);
  return {
    ...parseRouterLine(index),
    ...parseFacts(index),
    ...parsePolicies(index),
    fingerprint,
    masterIdentity: certificate.signingKey,
    signingCertificate: certificate,
    rsaIdentityDer: identity.der,
    tapKeyDer,
    ntorKey: ntorKey(index),
    sha1,
    sha256: documentSha256(index),
    expiresAt: Math.min(certificate.expiresAt, crossExpiresAt),
    document,
  };
}

function parseRouterLine(index: ItemIndex) {
  const item = index.one('router');
  if (index.document.items[0] !== item) throw index.error('it does not begin with a "router" line');
  const [nickname = '', address = '', orPortText = '', , dirPortText = ''] = item.args;
  if (!/^[A-Za-z0-9]{1,19}$/.test(nickname)) throw index.error('malformed nickname');
  if (!isIPv4(address)) throw index.error('malformed address');
  const orPort = parseDecimal(orPortText, 1, 65535);
  const dirPort = parseDecimal(dirPortText, 0, 65535);
  if (orPort === undefined || dirPort === undefined) throw index.error('malformed port in the "router" line');
  return { nickname, address, orPort, dirPort };
}

function parseFacts(index: ItemIndex) {
  const published = parseTime(index.one('published').args.slice(0, 2).join(' '));
  if (published === undefined) throw index.error('malformed time in the "published" line');
  const [rate, burst, observed] = index
    .one('bandwidth')
    .args.map((text, position) => parseDecimal(text, position === 0 ? 1 : 0, MAX_INT));
  if (rate === undefined || burst === undefined || observed === undefined) {
    throw index.error('malformed number in the "bandwidth" line');
  }
  const uptimeText = index.optional('uptime')?.args[0];
  const uptimeSeconds = uptimeText === undefined ? undefined : parseDecimal(uptimeText, 0, 1e15);
  if (uptimeText !== undefined && uptimeSeconds === undefined)
    throw index.error('malformed number in "uptime"');
  const family = index.optional('family')?.args ?? [];
  if (!family.every(isFamilyMember)) throw index.error('malformed member in the "family" line');
  const hibernating = index.optional('hibernating')?.args[0];
  return {
    published,
    bandwidth: { rate, burst, observed },
    uptimeSeconds,
    family,
    isHibernating: hibernating !== undefined && Number.parseInt(hibernating, 10) !== 0,
    platform: index.optional('platform')?.utf8,
    contact: index.optional('contact')?.utf8,
    protocols: Protocols.tryParse(index.one('proto').text),
    orAddresses: index.all('or-address').flatMap((item) => parseAddressPort(item.args[0] ?? '') ?? []),
    extraInfo: parseExtraInfoDigest(index),
    cachesExtraInfo: index.has('caches-extra-info'),
    isHiddenServiceDirectory: index.has('hidden-service-dir'),
    isTunnelledDirServer: index.has('tunnelled-dir-server'),
  };
}

/** A nickname, or a fingerprint with or without `$` and a nickname after it. */
function isFamilyMember(text: string): boolean {
  return /^[A-Za-z0-9]{1,19}$/.test(text) || /^\$?[0-9A-Fa-f]{40}([=~][A-Za-z0-9]{1,19})?$/.test(text);
}

function parseExtraInfoDigest(index: ItemIndex): RouterDescriptor['extraInfo'] {
  const [hex = '', base64] = index.optional('extra-info-digest')?.args ?? [];
  const sha1 = fromHex(hex, 20);
  if (sha1 === undefined) return undefined;
  return { sha1: toHex(sha1), sha256: base64 === undefined ? undefined : fromBase64(base64, 32) };
}

function parsePolicies(index: ItemIndex): Pick<RouterDescriptor, 'exitPolicy' | 'ipv6Policy'> {
  if (index.has('accept6') || index.has('reject6')) throw index.error('an IPv6 rule in the exit policy');
  const lines = index.document.items
    .filter(({ keyword }) => keyword === 'accept' || keyword === 'reject')
    .map((item) => `${item.keyword} ${item.text}`);
  if (lines.length === 0) throw index.error('no exit policy');
  const summary = index.optional('ipv6-policy')?.text;
  const ipv6Policy = summary === undefined || summary === '' ? undefined : parsePortSummary(summary);
  if (summary !== undefined && summary !== '' && ipv6Policy === undefined) {
    throw index.error('malformed "ipv6-policy" line');
  }
  try {
    return { exitPolicy: ExitPolicy.fromDescriptorLines(lines), ipv6Policy };
  } catch (error) {
    throw index.error(error instanceof Error ? error.message : String(error));
  }
}

function rsaKey(index: ItemIndex, keyword: string): { der: Uint8Array; key: KeyObject } {
  const der = index.one(keyword).object?.bytes ?? new Uint8Array();
  const key = rsaPublicKey(der);
  if (key === undefined || !isStandardRsaKey(key)) {
    throw index.error(`the key after "${keyword}" is not RSA of 1024 bits with exponent 65537`);
  }
  return { der, key };
}

function ntorKey(index: ItemIndex): Uint8Array {
  const key = fromBase64(index.one('ntor-onion-key').args[0] ?? '', 32);
  if (key === undefined) throw index.error('malformed key in the "ntor-onion-key" line');
  return key;
}

function checkIdentities(index: ItemIndex, fingerprint: string, masterIdentity: Uint8Array): void {
  const master = fromBase64(index.one('master-key-ed25519').args[0] ?? '', 32);
  if (master === undefined || Buffer.compare(master, masterIdentity) !== 0) {
    throw index.error('"master-key-ed25519" is not the key in the certificate');
  }
  const line = index.optional('fingerprint');
  if (line !== undefined && line.text.replace(/[ \t\r]/g, '').toUpperCase() !== fingerprint) {
    throw index.error('the "fingerprint" line does not match the identity key');
  }
}

/** Seconds since 1970 when it expires. */
function checkNtorCrosscert(index: ItemIndex, masterIdentity: Uint8Array): number {
  const item = index.one('ntor-onion-key-crosscert');
  const sign = item.args[0];
  if (sign !== '0' && sign !== '1') throw index.error('malformed sign bit in "ntor-onion-key-crosscert"');
  const signer = ed25519FromCurve25519(ntorKey(index), sign === '1' ? 1 : 0);
  if (signer === undefined) throw index.error('the ntor key has no Ed25519 form');
  const certificate = readCertificate(index, item, CERT_TYPE.ntorCross, signer);
  if (Buffer.compare(certificate.certifiedKey, masterIdentity) !== 0) {
    throw index.error('the ntor key certifies another identity');
  }
  return certificate.expiresAt;
}

/** The TAP key, if there is one. */
function checkTapCrosscert(
  index: ItemIndex,
  identityDer: Uint8Array,
  masterIdentity: Uint8Array,
): Uint8Array | undefined {
  const crosscert = index.optional('onion-key-crosscert')?.object?.bytes;
  if (crosscert === undefined && !index.has('onion-key')) return undefined;
  const { der, key } = rsaKey(index, 'onion-key');
  const expected = Buffer.concat([rsaDigest(identityDer), masterIdentity]);
  if (crosscert === undefined || !verifyRsa(key, expected, crosscert)) {
    throw index.error('the TAP onion key does not certify the identities');
  }
  return der;
}
