import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CERT_KEY_TYPE, CERT_TYPE, encodeEd25519Cert } from '../directory/ed25519-cert.js';
import type { DescriptorKeys, OnionKeyPairs } from '../directory/router-descriptor-input.js';
import { encodeRsaEdCrosscert } from '../directory/rsa-ed-crosscert.js';
import { rsaDigest, rsaPublicDer } from '../directory/rsa-keys.js';
import { toBase64, toHex } from '../directory/text-codec.js';
import type { Clock } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import { loadEd25519Identity, SIGNING_KEY_SLOP_MS } from './ed25519-identity.js';
import type { Ed25519Identity } from './ed25519-identity.js';
import { keyError } from './key-directory.js';
import type { KeyDirectory } from './key-directory.js';
import { makeLinkKeys } from './link-keys.js';
import type { LinkKeys } from './link-keys.js';
import { makeRsaKey, readRsaKey, writeRsaKey } from './rsa-key-file.js';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** TLS keys are used this long. */
const LINK_KEY_LIFETIME_MS = 2 * HOUR_MS;
/** Certificates of link and authentication keys: good for this long, made anew so long before they expire. */
const CERTIFICATE_LIFETIME_MS = 2 * DAY_MS;
const CERTIFICATE_SLOP_MS = 3 * HOUR_MS;
const CROSSCERT_LIFETIME_MS = 180 * DAY_MS;
const CROSSCERT_SLOP_MS = 30 * DAY_MS;
/** Certificates for TLS certificates are kept for the current one and those just replaced. */
const MAX_LINK_CERTIFICATES = 4;

/** Types of certificates in CERTS cells (tor-spec 4.2). */
const CERTS_TYPE = { rsaIdentity: 2, signing: 4, link: 5, authentication: 6, rsaToEd25519: 7 } as const;

export interface RouterIdentityOptions {
  readonly directory: KeyDirectory;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** OfflineMasterKey: the Ed25519 master's secret is never read, made or used. */
  readonly isMasterOffline?: boolean;
  /** SigningKeyLifetime: 30 days when absent. */
  readonly signingKeyLifetimeMs?: number;
}

interface CertifiedKey {
  readonly certificate: Uint8Array;
  readonly expiresAt: number;
}

/**
 * Who a relay is: its RSA identity, its Ed25519 master identity, and the keys that follow from them (tor-spec 1.1): the
 * signing key (30 days), the authentication key (two days), the TLS key of its channels (two hours). It is what a link
 * handshake needs as its identity, and what a descriptor is signed with. Nothing runs by itself: the relay calls
 * `renew` when `nextRenewal` has come. Onion keys are elsewhere (onion-keys.ts).
 */
export class RouterIdentity {
  /** DER PKCS#1 of the public RSA identity key. */
  readonly rsaIdentityKeyDer: Uint8Array;
  /** SHA-1 of that, 20 bytes. */
  readonly rsaDigest: Uint8Array;
  /** The same in 40 upper-case hexadecimal digits. */
  readonly rsaFingerprint: string;
  readonly #options: Required<RouterIdentityOptions>;
  readonly #rsaIdentity: KeyObject;
  readonly #linkCertificates = new Map<string, CertifiedKey>();
  #ed25519: Ed25519Identity;
  #link: LinkKeys;
  #authentication: CertifiedKey & { readonly key: KeyObject };
  #crosscert: CertifiedKey;
  #renewing: Promise<{ tls: boolean; signing: boolean }> | undefined;
  /** Earliest time to look for another signing key again, when the last look found none. */
  #signingRetryAt = 0;

  private constructor(
    options: Required<RouterIdentityOptions>,
    rsaIdentity: KeyObject,
    ed25519: Ed25519Identity,
    link: LinkKeys,
  ) {
    this.#options = options;
    this.#rsaIdentity = rsaIdentity;
    this.rsaIdentityKeyDer = rsaPublicDer(rsaIdentity);
    this.rsaDigest = rsaDigest(this.rsaIdentityKeyDer);
    this.rsaFingerprint = toHex(this.rsaDigest);
    this.#ed25519 = ed25519;
    this.#link = link;
    this.#authentication = this.#makeAuthentication();
    this.#crosscert = this.#makeCrosscert();
  }

  /** Loads the identity from the key directory; makes what is absent. Throws `ERR_KIST_KEYS`. */
  static async open(options: RouterIdentityOptions): Promise<RouterIdentity> {
    const all = {
      logger: silentLogger(),
      isMasterOffline: false,
      signingKeyLifetimeMs: 30 * DAY_MS,
      ...options,
    };
    const { directory, clock, logger } = all;
    let rsaIdentity = readRsaKey(directory, 'secret_id_key');
    if (rsaIdentity === undefined) {
      if (directory.has('ed25519_master_id_public_key')) {
        logger.warn(
          'secret_id_key is absent: authorities that know this Ed25519 identity with another RSA key refuse it',
        );
      }
      rsaIdentity = await makeRsaKey();
      writeRsaKey(directory, 'secret_id_key', rsaIdentity);
    }
    const ed25519 = loadEd25519Identity({ ...all, now: clock.date() });
    const link = await makeLinkKeys(rsaIdentity, clock.date());
    return new RouterIdentity(all, rsaIdentity, ed25519, link);
  }

  /** The Ed25519 master identity, 32 bytes. */
  get ed25519Identity(): Uint8Array {
    return this.#ed25519.masterIdentity;
  }

  /** The TLS certificate and key (PKCS#8) that new channels use. */
  get tls(): { readonly certificateDer: Uint8Array; readonly privateKeyDer: Uint8Array } {
    const { certificateDer, privateKeyDer } = this.#link;
    return { certificateDer, privateKeyDer };
  }

  get signingKeyExpires(): Date {
    return new Date(this.#ed25519.signingCertificate.expiresAt * 1000);
  }

  /** What a responder sends in CERTS for a channel with this TLS certificate: types 2, 4, 5, 7. */
  linkCertificates(ownTlsCertificateDer: Uint8Array): { type: number; body: Uint8Array }[] {
    return [
      ...this.#commonCertificates(),
      { type: CERTS_TYPE.link, body: this.#linkCertificate(ownTlsCertificateDer) },
      { type: CERTS_TYPE.rsaToEd25519, body: this.#crosscert.certificate },
    ];
  }

  /** What an authenticating initiator sends in CERTS: types 2, 4, 6, 7. */
  initiatorCertificates(): { type: number; body: Uint8Array }[] {
    return [
      ...this.#commonCertificates(),
      { type: CERTS_TYPE.authentication, body: this.#authentication.certificate },
      { type: CERTS_TYPE.rsaToEd25519, body: this.#crosscert.certificate },
    ];
  }

  /** Signs with the authentication key; 64 bytes. */
  signAuthenticate(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, bytes, this.#authentication.key));
  }

  /** What a server descriptor with these onion keys is signed with. */
  descriptorKeys(onion: OnionKeyPairs): DescriptorKeys {
    return {
      rsaIdentity: this.#rsaIdentity,
      signingCertificate: this.#ed25519.signingCertificate.bytes,
      signingKey: this.#ed25519.signingKey,
      masterIdentity: this.#ed25519.masterIdentity,
      onion,
    };
  }

  /** Writes `fingerprint` and `fingerprint-ed25519` into the data directory. */
  writeFingerprints(nickname: string): void {
    const { directory } = this.#options;
    directory.writeData('fingerprint', `${nickname} ${this.rsaFingerprint}\n`);
    directory.writeData('fingerprint-ed25519', `${nickname} ${toBase64(this.ed25519Identity)}\n`);
  }

  /** When `renew` has something to do next. */
  get nextRenewal(): Date {
    return new Date(
      Math.min(
        this.#link.madeAt.getTime() + LINK_KEY_LIFETIME_MS,
        Math.max(this.#signingDueAt, this.#signingRetryAt),
        this.#authentication.expiresAt - CERTIFICATE_SLOP_MS,
        this.#crosscert.expiresAt - CROSSCERT_SLOP_MS,
      ),
    );
  }

  /**
   * Renews what is due: `tls` has another key then, and a descriptor has to be published when `signing` changed. A new
   * signing key that an operator brought is taken up as well. Rejects with `ERR_KIST_KEYS` when the signing key has
   * expired and no other can be had; everything else is then as it was.
   */
  renew(): Promise<{ tls: boolean; signing: boolean }> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(): Promise<{ tls: boolean; signing: boolean }> {
    const now = this.#options.clock.date().getTime();
    const signing = this.#signingDueAt <= now && this.reloadSigningKey();
    if (this.#signingDueAt <= now) this.#signingRetryAt = now + HOUR_MS;
    if (this.#authentication.expiresAt - CERTIFICATE_SLOP_MS <= now) {
      this.#authentication = this.#makeAuthentication();
    }
    if (this.#crosscert.expiresAt - CROSSCERT_SLOP_MS <= now) this.#crosscert = this.#makeCrosscert();
    const tls = this.#link.madeAt.getTime() + LINK_KEY_LIFETIME_MS <= now;
    if (tls) this.#link = await makeLinkKeys(this.#rsaIdentity, this.#options.clock.date());
    return { tls, signing };
  }

  /**
   * Reads the signing key from disk again. True when it is another one now, and its certificates are made anew. What is
   * on disk may be unusable as long as the key in memory is good: that is logged.
   */
  reloadSigningKey(): boolean {
    const now = this.#options.clock.date();
    let loaded: Ed25519Identity;
    try {
      loaded = loadEd25519Identity({ ...this.#options, now });
      if (Buffer.compare(loaded.masterIdentity, this.ed25519Identity) !== 0) {
        throw keyError(
          `the keys in ${this.#options.directory.path} are of another identity than this relay's`,
        );
      }
    } catch (error) {
      if (this.signingKeyExpires <= now) throw error;
      this.#options.logger.warn({ problem: messageOf(error) }, 'the signing key on disk is not taken up');
      return false;
    }
    const before = this.#ed25519.signingCertificate.bytes;
    if (Buffer.compare(loaded.signingCertificate.bytes, before) === 0) return false;
    this.#ed25519 = loaded;
    this.#linkCertificates.clear();
    this.#authentication = this.#makeAuthentication();
    return true;
  }

  /** When a new signing key should be made or had, in milliseconds. */
  get #signingDueAt(): number {
    return this.#ed25519.signingCertificate.expiresAt * 1000 - SIGNING_KEY_SLOP_MS;
  }

  #commonCertificates(): { type: number; body: Uint8Array }[] {
    return [
      { type: CERTS_TYPE.rsaIdentity, body: this.#link.identityCertificateDer },
      { type: CERTS_TYPE.signing, body: this.#ed25519.signingCertificate.bytes },
    ];
  }

  #linkCertificate(tlsCertificateDer: Uint8Array): Uint8Array {
    const digest = new Uint8Array(createHash('sha256').update(tlsCertificateDer).digest());
    const name = toHex(digest);
    const kept = this.#linkCertificates.get(name);
    const now = this.#options.clock.date().getTime();
    if (kept !== undefined && kept.expiresAt - CERTIFICATE_SLOP_MS > now) return kept.certificate;
    const made = this.#certify(CERT_TYPE.link, CERT_KEY_TYPE.x509Digest, digest);
    this.#linkCertificates.delete(name);
    this.#linkCertificates.set(name, made);
    const [oldest] = this.#linkCertificates.keys();
    if (this.#linkCertificates.size > MAX_LINK_CERTIFICATES && oldest !== undefined) {
      this.#linkCertificates.delete(oldest);
    }
    return made.certificate;
  }

  #makeAuthentication(): CertifiedKey & { readonly key: KeyObject } {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
    return { ...this.#certify(CERT_TYPE.authentication, CERT_KEY_TYPE.ed25519, raw), key: privateKey };
  }

  #certify(type: number, keyType: number, certifiedKey: Uint8Array): CertifiedKey {
    const expiresAt = this.#options.clock.date().getTime() + CERTIFICATE_LIFETIME_MS;
    const { signingKey } = this.#ed25519;
    const fields = { type, keyType, certifiedKey, expiresAt: expiresAt / 1000 };
    return { certificate: encodeEd25519Cert(fields, (bytes) => signingKey.sign(bytes)), expiresAt };
  }

  #makeCrosscert(): CertifiedKey {
    const expiresAt = this.#options.clock.date().getTime() + CROSSCERT_LIFETIME_MS;
    const certificate = encodeRsaEdCrosscert(this.ed25519Identity, expiresAt / 1000, this.#rsaIdentity);
    return { certificate, expiresAt };
  }
}
