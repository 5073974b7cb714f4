import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { repository } from '../support/house-source.js';

const ALWAYS = [
  'LICENSE',
  'README.md',
  'bench',
  'binding.gyp',
  'native',
  'package-lock.json',
  'package.json',
  'run',
  'src',
  'test',
];
const FIXED = new Set([...ALWAYS, 'tsconfig.json']);
// Made by installing, building and packing; never in the repository.
const MADE = new Set(['node_modules', 'build', 'dist', 'prebuilds', 'coverage']);

function strangers(names: readonly string[]): string[] {
  return names.filter(
    (name) => !FIXED.has(name) && !MADE.has(name) && !name.startsWith('.') && !name.endsWith('.tgz'),
  );
}

test('the top level holds what was fixed and nothing else', () => {
  const names = readdirSync(repository);
  assert.deepEqual(strangers(names), []);
  assert.deepEqual(
    ALWAYS.filter((name) => !names.includes(name)),
    [],
  );
});

test('a stranger at the top level is found', () => {
  assert.deepEqual(strangers(['src', '.npmrc', 'docs', 'dist']), ['docs']);
});
