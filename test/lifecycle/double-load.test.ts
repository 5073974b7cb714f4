import assert from 'node:assert/strict';
import { copyFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryFolder } from '../support/house-process.js';
import { repository } from '../support/house-source.js';
import { faultOf, runChild, times } from './children/run-child.js';

const folder = temporaryFolder('double-load');
after(() => rmSync(folder, { recursive: true, force: true }));

const load = createRequire(import.meta.url)('node-gyp-build') as { resolve(folder: string): string };
const addon = load.resolve(repository);
const link = join(folder, 'link.node');
const copy = join(folder, 'copy.node');
symlinkSync(addon, link);
copyFileSync(addon, copy);

test(
  'the addon loaded by path, link and copy carries one circuit over all three',
  { timeout: 60_000 },
  async () => {
    const ends = await times(3, 2, () => runChild('double-load-child.js', [addon, link, copy, 'end']));
    for (const end of ends) {
      assert.equal(faultOf(end, 0), undefined);
      assert.equal(end.stdout, 'ok\n');
    }
  },
);

test('two instances of the loading module share the addon', { timeout: 60_000 }, async () => {
  const end = await runChild('load-twice-child.js');
  assert.equal(faultOf(end, 0), undefined);
  assert.equal(end.stdout, 'ok\n');
});

test('process.exit() with the addon loaded three times does not crash', { timeout: 60_000 }, async () => {
  const ends = await times(6, 2, () => runChild('double-load-child.js', [addon, link, copy, 'exit']));
  for (const end of ends) assert.equal(faultOf(end, 7), undefined);
});

test('a native data plane that is collected as garbage ends its threads', { timeout: 60_000 }, async () => {
  const end = await runChild('forgotten-child.js', ['native'], { nodeOptions: ['--expose-gc'] });
  assert.equal(faultOf(end, 0), undefined);
  assert.equal(end.stdout, 'threads left: 0\n');
});

test(
  'data planes that nobody closes neither hold the process nor disturb its end',
  { timeout: 60_000 },
  async () => {
    const end = await runChild('forgotten-child.js', ['typescript'], { nodeOptions: ['--expose-gc'] });
    assert.equal(faultOf(end, 0), undefined);
    assert.match(end.stdout, /^threads left: \d+\n$/);
  },
);

test(
  'a closed data plane says so to whoever uses it, and may be closed again',
  { timeout: 60_000 },
  async () => {
    const end = await runChild('use-after-close-child.js');
    assert.equal(faultOf(end, 0), undefined);
    const closed = 'ERR_KIST_CLOSED: the data plane is closed';
    const calls = [
      'addOwner',
      'listen',
      'connect',
      'configureScheduler',
      'stats',
      'ownerStats',
      'step',
      'nextWake',
    ];
    assert.deepEqual(
      end.stdout.trim().split('\n'),
      calls.map((name) => `${name}: ${closed}`),
    );
  },
);
