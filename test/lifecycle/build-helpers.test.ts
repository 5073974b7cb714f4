import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { plainEnv, runCommand, temporaryFolder } from '../support/house-process.js';
import { repository } from '../support/house-source.js';

const folder = temporaryFolder('build');
const env = plainEnv(folder);
const helper = join(repository, 'native/build.mjs');

after(() => rmSync(folder, { recursive: true, force: true }));

test('the build says that it needs Linux', async () => {
  const pretend = "data:text/javascript,Object.defineProperty(process,'platform',{value:'darwin'})";
  const outcome = await runCommand(process.execPath, ['--import', pretend, helper, 'install'], {
    cwd: folder,
    env,
  });
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /^kist-relay: kist-relay runs on Linux only .*; this is darwin\n$/);
});

test('the build says that this Node is too old', async () => {
  const pretend =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.16.0'}})";
  const outcome = await runCommand(process.execPath, ['--import', pretend, helper, 'install'], {
    cwd: folder,
    env,
  });
  assert.equal(outcome.code, 1);
  assert.equal(outcome.stderr, 'kist-relay: kist-relay needs Node 20.19 or later; this is 20.16.0\n');
});

test('an unknown command or sanitizer is refused by name', async () => {
  for (const args of [['nonsense'], ['tests', '--san', 'nonsense']]) {
    const outcome = await runCommand(process.execPath, [helper, ...args], { cwd: folder, env });
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /^kist-relay: .*(usage|address,undefined)/);
  }
});

const HOLD = `
const { withLock } = await import(process.argv[1]);
const { appendFileSync } = await import('node:fs');
await withLock(process.argv[2], async () => {
  appendFileSync(process.argv[3], '(');
  await new Promise((resolve) => setTimeout(resolve, 20));
  appendFileSync(process.argv[3], ')');
});`;

test('two builds at once take turns, and a lock whose owner is gone is taken over', async () => {
  const module = pathToFileURL(join(repository, 'native/tools/lock.mjs')).href;
  mkdirSync(join(folder, 'locks'));
  const lock = join(folder, 'locks/lock');
  const journal = join(folder, 'journal');
  // A process ID that lives (ours) with another start time: what a reused ID looks like.
  writeFileSync(lock, `${process.pid} 1`);
  const args = ['--input-type=module', '-e', HOLD, module, lock, journal];
  const all = [1, 2, 3, 4].map(async () => runCommand(process.execPath, args, { cwd: folder, env }));
  assert.deepEqual(
    (await Promise.all(all)).map((outcome) => outcome.stderr),
    ['', '', '', ''],
  );
  assert.equal(readFileSync(journal, 'utf8'), '()()()()');
});
