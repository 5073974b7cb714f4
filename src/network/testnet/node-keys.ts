import { createHash, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runProgram } from './tor-programs.js';
import type { TorPrograms } from './tor-programs.js';

const makeKeyPair = promisify(generateKeyPair);
const IDENTITY_BITS = 1024;
const AUTHORITY_BITS = 2048;
const PASSPHRASE = 'test network';

/** SHA-1 of the key's PKCS#1 form: how Tor names relays and authorities (dir-spec 1.3). */
export function fingerprintOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'pkcs1', format: 'der' });
  return createHash('sha1').update(der).digest('hex').toUpperCase();
}

/**
 * Puts an RSA identity key where C tor looks for it, so that the fingerprint is known before the relay runs: torrc
 * lines name relays by it. C tor makes all other keys by itself.
 */
export async function makeRelayIdentity(dataFolder: string): Promise<string> {
  const keys = join(dataFolder, 'keys');
  await mkdir(keys, { recursive: true, mode: 0o700 });
  const { publicKey, privateKey } = await makeKeyPair('rsa', {
    modulusLength: IDENTITY_BITS,
    publicExponent: 65537,
  });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' });
  await writeFile(join(keys, 'secret_id_key'), pem, { mode: 0o600 });
  return fingerprintOf(publicKey);
}

/**
 * An authority's signing key and certificate by tor-gencert. Gives the fingerprint of its v3 identity. That key is made
 * here, shorter than tor-gencert's own: 3072 bits take a second each on a busy machine.
 */
export async function makeAuthorityKeys(
  programs: TorPrograms,
  dataFolder: string,
  dirAddress: string,
): Promise<string> {
  const keys = join(dataFolder, 'keys');
  await mkdir(keys, { recursive: true, mode: 0o700 });
  const { publicKey, privateKey } = await makeKeyPair('rsa', { modulusLength: AUTHORITY_BITS });
  const identity = join(keys, 'authority_identity_key');
  const pem = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-128-cbc',
    passphrase: PASSPHRASE,
  });
  await writeFile(identity, pem, { mode: 0o600 });
  const files = ['-s', join(keys, 'authority_signing_key'), '-c', join(keys, 'authority_certificate')];
  await runProgram(
    programs.gencert,
    ['--passphrase-fd', '0', '-m', '12', '-a', dirAddress, '-i', identity, ...files],
    `${PASSPHRASE}\n`,
  );
  return fingerprintOf(publicKey);
}
