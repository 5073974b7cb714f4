import { isIPv4 } from 'node:net';
import { argumentError } from '../util/errors.js';
import { CERT_KEY_TYPE, CERT_TYPE, encodeEd25519Cert } from './ed25519-cert.js';
import { ed25519KeyFromCurve25519 } from './ed25519-keys.js';
import { formatBracketed, parseIpAddress } from './ip-address.js';
import type { DescriptorKeys, RouterDescriptorInput } from './router-descriptor-input.js';
import { rsaDigest, rsaPublicDer, signRsa } from './rsa-keys.js';
import { formatIdentity, signDocument } from './signed-document.js';
import type { SignedDocument } from './signed-document.js';
import { formatObject, formatTime, toBase64, toHex } from './text-codec.js';

const ONION_KEY_LIFETIME_MS = 28 * 24 * 3600 * 1000;
const MAX_BANDWIDTH = 2 ** 31 - 1;

/**
 * Writes and signs a relay's server descriptor (dir-spec 2.1.1), its lines in the order that relays use today. A member
 * that cannot stand in a descriptor throws `ERR_KIST_ARGUMENT`.
 */
export function writeRouterDescriptor(input: RouterDescriptorInput, keys: DescriptorKeys): SignedDocument {
  checkInput(input);
  const identityDer = rsaPublicDer(keys.rsaIdentity);
  const digest = rsaDigest(identityDer);
  const text = [
    `router ${input.nickname} ${input.address} ${input.orPort} 0 ${input.dirPort ?? 0}\n`,
    formatIdentity(keys.signingCertificate),
    `master-key-ed25519 ${toBase64(keys.masterIdentity)}\n`,
    ...(input.orAddresses ?? []).map(formatOrAddress),
    `platform ${input.platform}\n`,
    `proto ${input.protocols}\n`,
    `published ${formatTime(input.published)}\n`,
    `fingerprint ${spaced(toHex(digest))}\n`,
    optional(input.uptimeSeconds, (uptime) => `uptime ${Math.floor(uptime)}\n`),
    formatBandwidth(input),
    optional(input.extraInfo, (d) => `extra-info-digest ${toHex(d.sha1)} ${toBase64(d.sha256)}\n`),
    flag(input.cachesExtraInfo, 'caches-extra-info'),
    formatKeys(input, keys, identityDer, digest),
    optional(input.family?.join(' ') || undefined, (members) => `family ${members}\n`),
    flag(input.isHibernating, 'hibernating 1'),
    flag(input.isHiddenServiceDirectory, 'hidden-service-dir'),
    ...(input.familyCertificates ?? []).map((bytes) => `family-cert\n${formatObject('FAMILY CERT', bytes)}`),
    optional(input.contact, (contact) => `contact ${contact}\n`),
    `ntor-onion-key ${toBase64(keys.onion.ntor.publicKey)}\n`,
    input.exitPolicy.toDescriptorText(),
    flag(input.isTunnelledDirServer, 'tunnelled-dir-server'),
    optional(input.overloadedSince, (time) => `overload-general 1 ${formatTime(wholeHour(time))}\n`),
  ].join('');
  return signDocument(text, keys.signingKey, keys.rsaIdentity);
}

function formatKeys(
  input: RouterDescriptorInput,
  keys: DescriptorKeys,
  identityDer: Uint8Array,
  identityDigest: Uint8Array,
): string {
  const { masterIdentity, onion } = keys;
  const crossSigned = Buffer.concat([identityDigest, masterIdentity]);
  const ntor = ed25519KeyFromCurve25519(onion.ntor.secretKey);
  const lifetime = input.onionKeyLifetimeMs ?? ONION_KEY_LIFETIME_MS;
  const ntorCertificate = encodeEd25519Cert(
    {
      type: CERT_TYPE.ntorCross,
      expiresAt: (input.published.getTime() + lifetime) / 1000,
      keyType: CERT_KEY_TYPE.ed25519,
      certifiedKey: masterIdentity,
    },
    (bytes) => ntor.key.sign(bytes),
  );
  return [
    `onion-key\n${formatObject('RSA PUBLIC KEY', rsaPublicDer(onion.tap))}`,
    `signing-key\n${formatObject('RSA PUBLIC KEY', identityDer)}`,
    `onion-key-crosscert\n${formatObject('CROSSCERT', signRsa(onion.tap, crossSigned))}`,
    `ntor-onion-key-crosscert ${ntor.signBit}\n${formatObject('ED25519 CERT', ntorCertificate)}`,
  ].join('');
}

function formatOrAddress({ address, port }: { address: string; port: number }): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined) throw argumentError('orAddresses', 'IP addresses', address);
  checkPort('orAddresses', port, 1);
  return `or-address ${formatBracketed(parsed)}:${port}\n`;
}

function formatBandwidth({ bandwidth }: RouterDescriptorInput): string {
  const numbers = [bandwidth.rate, bandwidth.burst, bandwidth.observed].map((bytes) =>
    Math.min(Math.max(Math.floor(bytes), 0), MAX_BANDWIDTH),
  );
  return `bandwidth ${numbers.join(' ')}\n`;
}

function checkInput(input: RouterDescriptorInput): void {
  if (!/^[A-Za-z0-9]{1,19}$/.test(input.nickname)) {
    throw argumentError('nickname', '1 to 19 letters and digits', input.nickname);
  }
  if (!isIPv4(input.address)) throw argumentError('address', 'an IPv4 address', input.address);
  checkPort('orPort', input.orPort, 1);
  checkPort('dirPort', input.dirPort ?? 0, 0);
  checkLine('platform', input.platform);
  checkLine('protocols', input.protocols);
  checkLine('contact', input.contact ?? '');
  checkLine('family', (input.family ?? []).join(' '));
  if (!(input.bandwidth.rate >= 1)) {
    throw argumentError('bandwidth.rate', 'at least 1 byte a second', input.bandwidth.rate);
  }
}

function checkPort(name: string, port: number, min: number): void {
  if (!Number.isInteger(port) || port < min || port > 65535) {
    throw argumentError(name, `a port from ${min} to 65535`, port);
  }
}

/** A line feed in a text would let it write lines of its own. */
function checkLine(name: string, text: string): void {
  if (/[\n\r\0]/.test(text)) throw argumentError(name, 'one line of text', text);
}

function optional<T>(value: T | undefined, format: (value: T) => string): string {
  return value === undefined ? '' : format(value);
}

function flag(isSet: boolean | undefined, line: string): string {
  return isSet === true ? `${line}\n` : '';
}

function spaced(fingerprint: string): string {
  return (fingerprint.match(/.{4}/g) ?? []).join(' ');
}

function wholeHour(time: Date): Date {
  return new Date(Math.floor(time.getTime() / 3_600_000) * 3_600_000);
}
