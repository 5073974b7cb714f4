import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { applyMutation, checkMutations } from '../mutation/mutation.js';
import type { Mutation } from '../mutation/mutation.js';
import { MUTATIONS } from '../mutation/mutations.js';
import { repository } from '../support/house-source.js';

function breaking(find: string, replace: string): Mutation {
  const test = { kind: 'native', file: 'test/native/x_test.cc', name: 'x' } as const;
  return { name: 'sample', file: 'native/x.cc', find, replace, test };
}

test('a breakage is made where its text stands, and nowhere else', () => {
  assert.equal(applyMutation('f(a);\ng(a);\n', breaking('g(a)', 'h($&, $1)')), 'f(a);\nh($&, $1);\n');
});

test('text that is not found, or found twice, is an error that names the breakage', () => {
  assert.throws(() => applyMutation('f(a);', breaking('g(a)', '')), /sample: .* 0 times in native\/x\.cc/);
  assert.throws(() => applyMutation('f(a); f(a);', breaking('f(a)', '')), /sample: .* 2 times/);
});

test('two breakages of one name, and one that changes nothing, are errors', () => {
  assert.throws(() => checkMutations([breaking('a', 'b'), breaking('c', 'd')]), /called "sample"/);
  assert.throws(() => checkMutations([breaking('a', 'a')]), /changes nothing/);
});

test('every entry of the list breaks the present sources, and names a test file that exists', () => {
  checkMutations(MUTATIONS);
  assert.ok(MUTATIONS.length >= 18);
  for (const mutation of MUTATIONS) {
    const text = readFileSync(join(repository, mutation.file), 'utf8');
    assert.notEqual(applyMutation(text, mutation), text);
    assert.ok(existsSync(join(repository, mutation.test.file)), mutation.test.file);
  }
});
