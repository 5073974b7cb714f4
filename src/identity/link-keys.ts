import { generateKeyPair, randomBytes, randomInt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { makeCertificate } from './x509-certificate.js';

/**
 * The TLS key of a relay's channels and its certificate by the RSA identity, with the identity's own certificate beside
 * it (tor-spec 2). They look like those of any relay: names at random, lifetimes at random, times rounded to days.
 */
export interface LinkKeys {
  /** The TLS certificate. */
  readonly certificateDer: Uint8Array;
  /** Its key, PKCS#8. */
  readonly privateKeyDer: Uint8Array;
  /** The RSA identity's certificate by itself (CERTS type 2). */
  readonly identityCertificateDer: Uint8Array;
  readonly madeAt: Date;
}

const DAY_MS = 24 * 3600 * 1000;
const LINK_KEY_BITS = 2048;

export async function makeLinkKeys(rsaIdentity: KeyObject, now: Date): Promise<LinkKeys> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: LINK_KEY_BITS });
  const subject = randomHostname('.net');
  const issuer = randomHostname('.com');
  const lifetimeMs = randomLifetimeMs();
  return {
    certificateDer: makeCertificate({
      ...validity(now, lifetimeMs),
      subject,
      issuer,
      serial: randomSerial(),
      key: privateKey,
      signer: rsaIdentity,
    }),
    privateKeyDer: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })),
    identityCertificateDer: makeCertificate({
      ...validity(now, 365 * DAY_MS),
      subject: issuer,
      issuer,
      serial: randomSerial(),
      key: rsaIdentity,
      signer: rsaIdentity,
    }),
    madeAt: now,
  };
}

/** Whole days from 5 to 364, half of the time less a second. */
function randomLifetimeMs(): number {
  return randomInt(5, 365) * DAY_MS - randomInt(2) * 1000;
}

/** Begins at a midnight before now, so that at least one day is left. */
function validity(now: Date, lifetimeMs: number): { notBefore: Date; notAfter: Date } {
  const latest = now.getTime();
  const earliest = Math.min(latest, latest + 2 * DAY_MS - lifetimeMs);
  const start = randomInt(earliest, latest + 1);
  const notBefore = new Date(Math.floor(start / DAY_MS) * DAY_MS);
  return { notBefore, notAfter: new Date(notBefore.getTime() + lifetimeMs) };
}

function randomSerial(): Uint8Array {
  return randomBytes(8);
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** `www.` and 8 to 20 letters and digits. */
function randomHostname(ending: string): string {
  const letters = Array.from(randomBytes(randomInt(8, 21)), (byte) => BASE32[byte % 32]);
  return `www.${letters.join('')}${ending}`;
}
