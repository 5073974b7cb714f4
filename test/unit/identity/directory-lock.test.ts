import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DirectoryLock } from '../../../src/identity/directory-lock.js';
import { KeyDirectory, writeAtomically } from '../../../src/identity/key-directory.js';
import { dataDirectory } from './support.js';

const LOCK_MODULE = new URL('../../../src/identity/directory-lock.js', import.meta.url).href;

test('a second process is kept off a data directory, until the first is killed', async (t) => {
  const folder = dataDirectory(t);
  KeyDirectory.open({ dataDirectory: folder });
  const program = `import { DirectoryLock } from ${JSON.stringify(LOCK_MODULE)};
    DirectoryLock.acquire(${JSON.stringify(folder)});
    process.stdout.write('locked');
    process.stdin.resume();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  assert.equal(said.toString(), 'locked');
  assert.throws(() => DirectoryLock.acquire(folder), { code: 'ERR_KIST_LOCKED', kind: 'operator' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  DirectoryLock.acquire(folder).release();
});

test('a lock is had once in a process too, and again after it was released', (t) => {
  const folder = dataDirectory(t);
  mkdirSync(folder);
  const lock = DirectoryLock.acquire(folder);
  assert.throws(() => DirectoryLock.acquire(folder), { code: 'ERR_KIST_LOCKED' });
  lock.release();
  lock.release();
  DirectoryLock.acquire(folder).release();
  assert.equal(statSync(join(folder, 'lock')).size, 0);
});

test('a folder that does not exist is named', () => {
  assert.throws(() => DirectoryLock.acquire('/nonexistent/data'), {
    code: 'ERR_KIST_LOCK',
    message: /nonexistent/,
  });
});

test('rights of others on the folders are taken away, those of the group only if not allowed', (t) => {
  const folder = dataDirectory(t);
  KeyDirectory.open({ dataDirectory: folder });
  chmodSync(folder, 0o2755);
  KeyDirectory.open({ dataDirectory: folder, groupReadable: true });
  assert.equal(statSync(folder).mode & 0o7777, 0o2750);
  KeyDirectory.open({ dataDirectory: folder });
  assert.equal(statSync(folder).mode & 0o7777, 0o2700);
});

test('a file is replaced as a whole and leaves nothing beside it', (t) => {
  const folder = dataDirectory(t);
  mkdirSync(folder);
  const path = join(folder, 'key');
  writeAtomically(path, 'old');
  writeAtomically(path, 'new');
  assert.equal(readFileSync(path, 'utf8'), 'new');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ['key']);
  assert.throws(() => writeAtomically(join(folder, 'none', 'key'), 'x'), { code: 'ERR_KIST_KEYS' });
});
