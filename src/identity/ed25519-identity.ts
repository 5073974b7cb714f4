import {
  CERT_KEY_TYPE,
  CERT_TYPE,
  checkEd25519Cert,
  encodeEd25519Cert,
  parseEd25519Cert,
} from '../directory/ed25519-cert.js';
import type { Ed25519Cert } from '../directory/ed25519-cert.js';
import { ExpandedEd25519Key } from '../directory/ed25519-keys.js';
import type { Logger } from '../util/logger.js';
import { messageOf } from '../util/errors.js';
import { keyError } from './key-directory.js';
import type { KeyDirectory } from './key-directory.js';

/**
 * The Ed25519 identity on disk: the permanent master key, and the signing key that the master certifies for some
 * weeks (cert-spec 1). The master's secret is only needed to certify a new signing key; an operator may keep it
 * elsewhere (OfflineMasterKey), and then brings new signing keys and certificates himself.
 */
export interface Ed25519Identity {
  readonly masterIdentity: Uint8Array;
  readonly signingKey: ExpandedEd25519Key;
  readonly signingCertificate: Ed25519Cert;
}

export interface Ed25519IdentityOptions {
  readonly directory: KeyDirectory;
  readonly now: Date;
  readonly logger: Logger;
  /** Never read, make or use the master's secret. */
  readonly isMasterOffline: boolean;
  readonly signingKeyLifetimeMs: number;
}

/** A new signing key is certified this long before the old one's certificate expires. */
export const SIGNING_KEY_SLOP_MS = 24 * 3600 * 1000;

const MASTER = 'ed25519_master_id';
const SIGNING = 'ed25519_signing';
const SECRET = 'ed25519v1-secret';

/**
 * Loads the keys; makes those that are absent and renews a signing key that expires soon, if the master's secret is
 * there. Throws `ERR_KIST_KEYS` saying which file is missing, expired or of another identity.
 */
export function loadEd25519Identity(options: Ed25519IdentityOptions): Ed25519Identity {
  const { directory, now, logger } = options;
  const signing = loadSigning(options);
  const isNeeded = signing === undefined || expiresAt(signing) <= now.getTime();
  const isWanted = isNeeded || expiresAt(signing) - SIGNING_KEY_SLOP_MS <= now.getTime();
  if (!isWanted) return withMaster(options, signing);
  const master = options.isMasterOffline ? undefined : loadOrMakeMaster(options, signing !== undefined);
  if (master === undefined) {
    if (isNeeded) throw missingMaster(options, signing);
    logger.warn(
      { expires: new Date(expiresAt(signing)) },
      'the signing key expires soon, and the master key that could certify a new one is not here',
    );
    return withMaster(options, signing);
  }
  if (signing !== undefined) checkSameMaster(directory, signing, master.publicKey);
  const key = ExpandedEd25519Key.generate();
  const certificate = encodeEd25519Cert(
    {
      type: CERT_TYPE.signing,
      expiresAt: (now.getTime() + options.signingKeyLifetimeMs) / 1000,
      keyType: CERT_KEY_TYPE.ed25519,
      certifiedKey: key.publicKey,
      signingKey: master.publicKey,
    },
    (bytes) => master.sign(bytes),
  );
  directory.writeTagged(`${SIGNING}_secret_key`, SECRET, 'type4', key.toBytes());
  directory.writeTagged(`${SIGNING}_cert`, 'ed25519v1-cert', 'type4', certificate);
  logger.info('made a new signing key, certified by the master key');
  return {
    masterIdentity: master.publicKey,
    signingKey: key,
    signingCertificate: parseEd25519Cert(certificate),
  };
}

type Signing = Pick<Ed25519Identity, 'signingKey' | 'signingCertificate'>;

function expiresAt(signing: Signing): number {
  return signing.signingCertificate.expiresAt * 1000;
}

/** The signing key and a certificate that fits it, expired or not; undefined when either is absent or unfit. */
function loadSigning({ directory, logger }: Ed25519IdentityOptions): Signing | undefined {
  const secret = directory.readTagged(`${SIGNING}_secret_key`, SECRET, 'type4', 64);
  const bytes = directory.read(`${SIGNING}_cert`);
  if (secret === undefined || bytes === undefined) return undefined;
  const signingKey = new ExpandedEd25519Key(secret);
  try {
    const signingCertificate = parseEd25519Cert(decodeCertificate(directory, bytes.length));
    checkEd25519Cert(signingCertificate, { type: CERT_TYPE.signing, now: 0 });
    if (Buffer.compare(signingCertificate.certifiedKey, signingKey.publicKey) !== 0) {
      throw keyError('it certifies another key');
    }
    return { signingKey, signingCertificate };
  } catch (error) {
    logger.warn({ problem: messageOf(error) }, `${directory.path}/${SIGNING}_cert is not usable`);
    return undefined;
  }
}

function decodeCertificate(directory: KeyDirectory, fileBytes: number): Uint8Array {
  const body = directory.readTagged(
    `${SIGNING}_cert`,
    'ed25519v1-cert',
    'type4',
    Math.max(fileBytes - 32, 0),
  );
  return body ?? new Uint8Array();
}

/** The signing key of an identity whose public half is known; writes that half's file if it is absent. */
function withMaster({ directory, logger }: Ed25519IdentityOptions, signing: Signing): Ed25519Identity {
  const { signingKey: masterIdentity } = signing.signingCertificate;
  if (masterIdentity === undefined)
    throw keyError(`${directory.path}/${SIGNING}_cert does not name the master key`);
  const known = readMasterPublic(directory);
  if (known === undefined) {
    logger.warn(`${MASTER}_public_key is absent and written anew from the signing key's certificate`);
    writeMasterPublic(directory, masterIdentity);
  } else {
    checkSameMaster(directory, signing, known);
  }
  return { ...signing, masterIdentity: Uint8Array.from(masterIdentity) };
}

/** The master with its secret; undefined when only its public half, or an encrypted secret, is here. */
function loadOrMakeMaster(
  { directory, logger }: Ed25519IdentityOptions,
  hasSigning: boolean,
): ExpandedEd25519Key | undefined {
  const secret = directory.readTagged(`${MASTER}_secret_key`, SECRET, 'type0', 64);
  const known = readMasterPublic(directory);
  if (secret === undefined) {
    if (hasSigning || known !== undefined || directory.has(`${MASTER}_secret_key_encrypted`))
      return undefined;
    const master = ExpandedEd25519Key.generate();
    directory.writeTagged(`${MASTER}_secret_key`, SECRET, 'type0', master.toBytes());
    writeMasterPublic(directory, master.publicKey);
    logger.info('made a new Ed25519 master identity key');
    return master;
  }
  const master = new ExpandedEd25519Key(secret);
  if (known === undefined) writeMasterPublic(directory, master.publicKey);
  else if (Buffer.compare(known, master.publicKey) !== 0) {
    throw keyError(`in ${directory.path}, ${MASTER}_public_key does not belong to ${MASTER}_secret_key`);
  }
  return master;
}

function readMasterPublic(directory: KeyDirectory): Uint8Array | undefined {
  return directory.readTagged(`${MASTER}_public_key`, 'ed25519v1-public', 'type0', 32);
}

function writeMasterPublic(directory: KeyDirectory, publicKey: Uint8Array): void {
  directory.writeTagged(`${MASTER}_public_key`, 'ed25519v1-public', 'type0', publicKey);
}

function checkSameMaster(directory: KeyDirectory, { signingCertificate }: Signing, master: Uint8Array): void {
  const { signingKey } = signingCertificate;
  if (signingKey === undefined || Buffer.compare(signingKey, master) !== 0) {
    throw keyError(`in ${directory.path}, ${SIGNING}_cert is not by the master key of ${MASTER}_public_key`);
  }
}

function missingMaster(options: Ed25519IdentityOptions, signing: Signing | undefined): Error {
  const { directory } = options;
  const what =
    signing === undefined
      ? 'there is no usable signing key'
      : `the signing key expired at ${new Date(expiresAt(signing)).toISOString()}`;
  const why = options.isMasterOffline
    ? 'the master key is kept offline (OfflineMasterKey)'
    : directory.has(`${MASTER}_secret_key_encrypted`)
      ? `${MASTER}_secret_key_encrypted needs a passphrase`
      : `${MASTER}_secret_key is absent`;
  return keyError(
    `in ${directory.path}, ${what} and ${why}: bring a new ${SIGNING}_secret_key and ${SIGNING}_cert`,
  );
}
