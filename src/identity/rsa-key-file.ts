import { createPrivateKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { isStandardRsaKey } from '../directory/rsa-keys.js';
import { keyError } from './key-directory.js';
import type { KeyDirectory } from './key-directory.js';

/** A new RSA key of the size that identities and TAP onion keys have. */
export async function makeRsaKey(): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 1024 });
  return privateKey;
}

/** The key in a PEM file of PKCS#1, or undefined when there is no such file. */
export function readRsaKey(directory: KeyDirectory, name: string): KeyObject | undefined {
  const pem = directory.read(name);
  if (pem === undefined) return undefined;
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch (error) {
    throw keyError(`${directory.path}/${name} is not an RSA private key in PEM`, error);
  }
  if (!isStandardRsaKey(key)) {
    throw keyError(`${directory.path}/${name} is not an RSA key of 1024 bits with exponent 65537`);
  }
  return key;
}

export function writeRsaKey(directory: KeyDirectory, name: string, key: KeyObject): void {
  directory.write(name, key.export({ format: 'pem', type: 'pkcs1' }));
}
