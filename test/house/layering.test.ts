import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeFaults, typescriptFaults } from '../support/house-layering.js';
import { readSources } from '../support/house-source.js';
import { nativeLayers, typescriptLayers } from './layering-table.js';

test('C++ folders include only what the layering table allows', () => {
  const faults = readSources(['native'], ['.cc', '.h']).flatMap((file) => nativeFaults(file, nativeLayers));
  assert.deepEqual(faults, []);
});

test('TypeScript folders import only what the layering table allows', () => {
  const faults = readSources(['src'], ['.ts']).flatMap((file) => typescriptFaults(file, typescriptLayers));
  assert.deepEqual(faults, []);
});

test('C++ tests and benches do not need Node, but for addons that measure its boundary', () => {
  const all = readSources(['test/native', 'test/fuzz', 'bench/native'], ['.cc', '.h']);
  const files = all.filter((file) => !/^bench\/native\/\w+_addon\.cc$/.test(file.path));
  const faults = files.filter((file) => /#\s*include\s*[<"](napi|node_api|uv)\b/.test(file.text));
  assert.deepEqual(
    faults.map((file) => file.path),
    [],
  );
});

test('an upward include, a Node header and an unknown folder are found', () => {
  const upward = { path: 'native/base/x.h', text: '#include "sched/kist.h"\n#include <napi.h>\n' };
  assert.deepEqual(nativeFaults(upward, nativeLayers), [
    'native/base/x.h: base may not use sched',
    'native/base/x.h: only native/napi may include <napi.h>',
  ]);
  const unknown = { path: 'native/misc/x.h', text: '' };
  assert.deepEqual(nativeFaults(unknown, nativeLayers), [
    'native/misc/x.h: folder misc is not in the layering table',
  ]);
  const comment = { path: 'native/base/x.h', text: '// #include "sched/kist.h"\n#include "base/y.h"\n' };
  assert.deepEqual(nativeFaults(comment, nativeLayers), []);
});

test('an upward import, an import from outside src and a second loader of the addon are found', () => {
  const text = [
    "import type { Relay } from '../relay/relay.js';",
    "import { x } from '../../test/support/x.js';",
    "import { createRequire } from 'node:module';",
    "import { y } from './errors.js';",
  ].join('\n');
  assert.deepEqual(typescriptFaults({ path: 'src/util/x.ts', text }, typescriptLayers), [
    'src/util/x.ts: ../../test/support/x.js lies outside src',
    'src/util/x.ts: util may not use relay',
    'src/util/x.ts: only src/native/binding.ts may load the addon (createRequire)',
  ]);
});
