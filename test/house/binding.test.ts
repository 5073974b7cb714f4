import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { CLOSE_REASONS, EVENT, ONION_TYPES, SIDES } from '../../src/native/binding-types.js';
import { bindingFaults } from '../support/house-binding.js';
import { repository, stripComments, wordsOf } from '../support/house-source.js';

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

/** The enumerators of a C++ enum without values of their own but the first, in kebab case. */
function enumerators(file: string, name: string): string[] {
  const code = stripComments(readFileSync(join(repository, file), 'utf8'));
  const body = new RegExp(`enum class ${name}[^{]*\\{([^}]*)\\}`).exec(code)?.[1] ?? '';
  return [...body.matchAll(/\bk(\w+)/g)].map((match) => wordsOf(match[1] ?? '').join('-'));
}

test('numbers that cross the binding mean the same on both sides', () => {
  const events = Object.keys(EVENT).map((name) => wordsOf(name).join('-'));
  assert.deepEqual(
    Object.values(EVENT),
    Array.from(events, (_name, i) => i + 1),
  );
  assert.deepEqual(enumerators('native/dataplane/event.h', 'EventKind'), events);
  assert.deepEqual(enumerators('native/base/close_reason.h', 'CloseReason'), [...CLOSE_REASONS]);
  assert.deepEqual(
    enumerators('native/switch/switch_listener.h', 'Side'),
    SIDES.map((side) => side.replace('-hop', '')),
  );
  const stats = readFileSync(join(repository, 'native/napi/plane_stats.h'), 'utf8');
  const names = /kOnionTypeNames\[kOnionTypes\] = \{([^}]*)\}/.exec(stats)?.[1] ?? '';
  assert.deepEqual(JSON.parse(`[${names}]`), [...ONION_TYPES]);
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
