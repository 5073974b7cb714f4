import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindingFaults } from '../support/house-binding.js';
import { repository } from '../support/house-source.js';

const require = createRequire(import.meta.url);

function loadAddon(): Record<string, unknown> {
  const chosen = process.env.KIST_RELAY_ADDON;
  const load = require('node-gyp-build') as (folder: string) => unknown;
  return (chosen === undefined ? load(repository) : require(chosen)) as Record<string, unknown>;
}

test('the declared binding is what the addon exports', () => {
  const declaration = readFileSync(join(repository, 'src/native/binding-types.ts'), 'utf8');
  assert.deepEqual(bindingFaults(declaration, loadAddon()), []);
});

test('a member declared but missing, exported but undeclared, or of another kind is found', () => {
  const declaration = `
    export interface NativeBinding {
      readonly Plane: new (options: { a: number; b: string }, done: () => void) => NativePlane;
      info(): { names: string[] };
      gone(): void;
    }
    /** export interface Comment { x(): void; } */
    export interface NativePlane {
      open(a: { b: number }): void;
      missing(): void;
    }`;
  class Plane {
    open(): void {}
    extra(): void {}
  }
  assert.deepEqual(bindingFaults(declaration, { Plane, info: 1, more() {} }), [
    'NativeBinding declares gone, the addon has none',
    'the addon has NativeBinding.more, not declared',
    'Plane declares missing, the addon has none',
    'the addon has Plane.extra, not declared',
    'info is no function',
  ]);
});
