import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ExitPolicy } from '../../../src/directory/exit-policy.js';
import { parseRouterDescriptor } from '../../../src/directory/router-descriptor.js';
import { toBase64 } from '../../../src/directory/text-codec.js';
import { writeRouterDescriptor } from '../../../src/directory/write-router-descriptor.js';
import { DirectoryLock } from '../../../src/identity/directory-lock.js';
import { dataDirectory, DatedClock, openKeys } from './support.js';

const hasTor = spawnSync('tor', ['--version']).status === 0;
const options = { skip: hasTor ? false : 'the tor program is not installed' };

/** What tor says of the keys in a data directory; it makes those that are absent. */
function fingerprints(folder: string): {
  rsa: string;
  ed25519: string;
  stdout: string;
  status: number | null;
} {
  const torrc = join(dirname(folder), 'torrc');
  writeFileSync(
    torrc,
    `DataDirectory ${folder}\nNickname alice\nORPort 9001\nSocksPort 0\nPublishServerDescriptor 0\n`,
  );
  const ask = (...more: string[]) =>
    spawnSync('tor', ['-f', torrc, '--list-fingerprint', ...more, '--quiet'], {
      encoding: 'utf8',
      timeout: 30_000,
    });
  const rsa = ask();
  const ed25519 = ask('ed25519');
  return {
    rsa: rsa.stdout
      .trim()
      .replace(/^alice /, '')
      .replaceAll(' ', ''),
    ed25519: ed25519.stdout.trim().replace(/^alice /, ''),
    stdout: rsa.stdout,
    status: rsa.status,
  };
}

const now = (): DatedClock => new DatedClock(new Date().toISOString());

test('keys made by tor are taken over with the same identity', options, async (t) => {
  const folder = dataDirectory(t);
  const theirs = fingerprints(folder);
  assert.match(theirs.rsa, /^[0-9A-F]{40}$/);
  const before = readdirSync(join(folder, 'keys')).map((name) =>
    readFileSync(join(folder, 'keys', name), 'hex'),
  );
  const { identity, onion } = await openKeys(folder, now());
  assert.equal(identity.rsaFingerprint, theirs.rsa);
  assert.equal(toBase64(identity.ed25519Identity), theirs.ed25519);
  const after = readdirSync(join(folder, 'keys')).map((name) =>
    readFileSync(join(folder, 'keys', name), 'hex'),
  );
  assert.deepEqual(after, before, 'no key file changed');
  const { bytes } = writeRouterDescriptor(
    {
      nickname: 'alice',
      address: '127.0.0.1',
      orPort: 9001,
      platform: 'kist-relay on Linux',
      protocols: 'Link=4-5',
      published: new Date(),
      bandwidth: { rate: 1, burst: 1, observed: 1 },
      exitPolicy: ExitPolicy.rejectAll(),
    },
    identity.descriptorKeys(onion.current),
  );
  const descriptor = parseRouterDescriptor(bytes);
  assert.equal(descriptor.fingerprint, theirs.rsa);
  assert.equal(toBase64(descriptor.masterIdentity), theirs.ed25519);
});

test('keys made here are taken over by tor with the same identity', options, async (t) => {
  const folder = dataDirectory(t);
  const { identity } = await openKeys(folder, now());
  const files = (): Map<string, string> =>
    new Map(
      readdirSync(join(folder, 'keys')).map((name) => [
        name,
        readFileSync(join(folder, 'keys', name), 'hex'),
      ]),
    );
  const before = files();
  const theirs = fingerprints(folder);
  assert.equal(theirs.status, 0, theirs.stdout);
  assert.equal(theirs.rsa, identity.rsaFingerprint);
  assert.equal(theirs.ed25519, toBase64(identity.ed25519Identity));
  assert.deepEqual(files(), before, 'tor made and changed no key file');
});

test('both make files of the same names, sizes and modes', options, async (t) => {
  const theirs = dataDirectory(t);
  const ours = dataDirectory(t);
  fingerprints(theirs);
  await openKeys(ours, now());
  const list = (folder: string) =>
    readdirSync(join(folder, 'keys')).map((name) => {
      const { size, mode } = statSync(join(folder, 'keys', name));
      // The length of RSA keys in PEM varies with their numbers.
      return {
        name,
        size: name.includes('secret_id') || name === 'secret_onion_key' ? Math.round(size / 20) : size,
        mode,
      };
    });
  assert.deepEqual(
    list(ours).map(({ name, mode }) => [name, mode]),
    list(theirs).map(({ name, mode }) => [name, mode]),
  );
  const tagged = (folder: string) =>
    list(folder)
      .filter(({ size }) => size > 60)
      .map(({ name, size }) => [
        name,
        size,
        readFileSync(join(folder, 'keys', name))
          .subarray(0, 32)
          .toString('latin1'),
      ]);
  assert.equal(tagged(ours).length, 5);
  assert.deepEqual(tagged(ours), tagged(theirs));
});

test('tor and this relay keep each other off a data directory', options, async (t) => {
  const folder = dataDirectory(t);
  await openKeys(folder, now());
  const lock = DirectoryLock.acquire(folder);
  const torrc = join(dirname(folder), 'torrc');
  writeFileSync(torrc, `DataDirectory ${folder}\nSocksPort 0\nDisableNetwork 1\n`);
  const refused = spawnSync('tor', ['-f', torrc], { encoding: 'utf8', timeout: 30_000 });
  assert.equal(refused.status, 1);
  assert.match(refused.stdout, /it looks like another Tor process is running with the same data directory/i);
  lock.release();
});
