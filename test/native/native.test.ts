import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
const MISSING_TOOL = 2;

test('the C++ tests build and pass', (t) => {
  const script = join(repository, 'native/build.mjs');
  const build = spawnSync(process.execPath, [script, 'tests'], { encoding: 'utf8' });
  if (build.status === MISSING_TOOL) {
    t.skip(build.stderr.trim());
    return;
  }
  assert.equal(build.status, 0, build.stderr);
  const run = spawnSync(build.stdout.trim(), ['--no-colors'], { encoding: 'utf8' });
  assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  const summary = /test cases: +(\d+) \| +(\d+) passed/.exec(run.stdout);
  assert.notEqual(summary?.[2] ?? '0', '0', run.stdout);
  t.diagnostic(summary?.[0] ?? '');
});
