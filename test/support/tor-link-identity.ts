/** Identities of relays made on the spot, with the X.509 certificates that Node cannot make: keys for tests only. */
import { createHash, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { LinkCertificate, LinkIdentity } from '../../src/dialect/tor/link-identity.js';
import { CERT_KEY_TYPE, CERT_TYPE, encodeEd25519Cert } from '../../src/directory/ed25519-cert.js';
import { encodeRsaEdCrosscert } from '../../src/directory/rsa-ed-crosscert.js';

const DAY = 86_400;

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const SEQUENCE = 0x30;
const SHA256_WITH_RSA = der(
  SEQUENCE,
  Buffer.from('06092a864886f70d01010b', 'hex'),
  Buffer.from('0500', 'hex'),
);

function name(commonName: string): Buffer {
  const value = der(0x0c, Buffer.from(commonName));
  return der(SEQUENCE, der(0x31, der(SEQUENCE, Buffer.from('0603550403', 'hex'), value)));
}

function utcTime(seconds: number): Buffer {
  const text = new Date(seconds * 1000).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}

export interface X509Fields {
  readonly publicKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly from: number;
  readonly to: number;
}

/** An X.509 certificate in DER, signed by an RSA key with SHA-256. Times in seconds. */
export function makeX509({ publicKey, issuerKey, from, to }: X509Fields): Buffer {
  const content = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, createHash('sha256').update(String(from)).digest().subarray(0, 8).fill(1, 0, 1)),
    SHA256_WITH_RSA,
    name('www.example.net'),
    der(SEQUENCE, utcTime(from), utcTime(to)),
    name('www.example.com'),
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = sign('sha256', content, issuerKey);
  return der(SEQUENCE, content, SHA256_WITH_RSA, der(0x03, Buffer.from([0]), signature));
}

export function rawEd25519(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32);
}

export interface TlsCredentials {
  readonly certificate: Buffer;
  readonly key: KeyObject;
}

/** A TLS key and certificate as a relay makes them: RSA of 2048 bits, another name, short-lived. */
export function makeTlsCredentials(now: number): TlsCredentials {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const certificate = makeX509({ publicKey, issuerKey: privateKey, from: now - DAY, to: now + 2 * DAY });
  return { certificate, key: privateKey };
}

/** What can be made wrong in an identity. */
export interface IdentityFaults {
  readonly rsaBits?: number;
  readonly rsaFrom?: number;
  readonly rsaTo?: number;
  readonly expiresAt?: number;
}

/** A LinkIdentity with all its secret keys. */
export class TestIdentity implements LinkIdentity {
  readonly rsaKey: KeyObject;
  readonly rsaIdentityKeyDer: Buffer;
  readonly rsaFingerprint: string;
  readonly ed25519Identity: Buffer;
  readonly masterKey = generateKeyPairSync('ed25519').privateKey;
  readonly signingKey = generateKeyPairSync('ed25519').privateKey;
  readonly authenticationKey = generateKeyPairSync('ed25519').privateKey;
  readonly rsaCertificate: Buffer;
  readonly #expiresAt: number;

  constructor(now: number, faults: IdentityFaults = {}) {
    const pair = generateKeyPairSync('rsa', { modulusLength: faults.rsaBits ?? 1024 });
    this.rsaKey = pair.privateKey;
    this.rsaIdentityKeyDer = pair.publicKey.export({ type: 'pkcs1', format: 'der' });
    this.rsaFingerprint = createHash('sha1').update(this.rsaIdentityKeyDer).digest('hex').toUpperCase();
    this.ed25519Identity = rawEd25519(this.masterKey);
    this.#expiresAt = faults.expiresAt ?? now + 30 * DAY;
    this.rsaCertificate = makeX509({
      publicKey: pair.publicKey,
      issuerKey: pair.privateKey,
      from: faults.rsaFrom ?? now - DAY,
      to: faults.rsaTo ?? now + 365 * DAY,
    });
  }

  linkCertificates(ownTlsCertificateDer: Uint8Array): LinkCertificate[] {
    const digest = createHash('sha256').update(ownTlsCertificateDer).digest();
    const link = this.certify(CERT_TYPE.link, CERT_KEY_TYPE.x509Digest, digest);
    return this.#certificates({ type: CERT_TYPE.link, body: link });
  }

  initiatorCertificates(): LinkCertificate[] {
    const key = rawEd25519(this.authenticationKey);
    const body = this.certify(CERT_TYPE.authentication, CERT_KEY_TYPE.ed25519, key);
    return this.#certificates({ type: CERT_TYPE.authentication, body });
  }

  signAuthenticate(bytes: Uint8Array): Buffer {
    return sign(null, bytes, this.authenticationKey);
  }

  /** A certificate by the signing key. */
  certify(type: number, keyType: number, certifiedKey: Uint8Array): Buffer {
    const fields = { type, keyType, certifiedKey, expiresAt: this.#expiresAt };
    return encodeEd25519Cert(fields, (bytes) => sign(null, bytes, this.signingKey));
  }

  #certificates(last: LinkCertificate): LinkCertificate[] {
    const signing = encodeEd25519Cert(
      {
        type: CERT_TYPE.signing,
        keyType: CERT_KEY_TYPE.ed25519,
        certifiedKey: rawEd25519(this.signingKey),
        expiresAt: this.#expiresAt,
        signingKey: this.ed25519Identity,
      },
      (bytes) => sign(null, bytes, this.masterKey),
    );
    const cross = encodeRsaEdCrosscert(this.ed25519Identity, this.#expiresAt, this.rsaKey);
    return [
      { type: 2, body: this.rsaCertificate },
      { type: 4, body: signing },
      last,
      { type: 7, body: cross },
    ];
  }
}
