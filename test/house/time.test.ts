import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOf, readSources, stripComments } from '../support/house-source.js';
import type { SourceFile } from '../support/house-source.js';

/** Time is passed in. These files are where it comes from. */
const SOURCES_OF_TIME = new Set(['src/util/clock.ts', 'native/base/clock.cc']);
const DIRECT_TIME =
  /\bnew Date\(\s*\)|\bDate\(\)|_clock::now\b|\bclock_gettime\b|\bgettimeofday\b|\btime\(nullptr\)/g;

function faults({ path, text }: SourceFile): string[] {
  if (SOURCES_OF_TIME.has(path)) return [];
  const code = stripComments(text);
  return [...code.matchAll(DIRECT_TIME)].map((match) => `${path}:${lineOf(code, match.index)}: ${match[0]}`);
}

test('nothing reads the system clock but the clocks', () => {
  const files = readSources(['native', 'src'], ['.ts', '.cc', '.h']);
  assert.deepEqual(
    files.flatMap((file) => faults(file)),
    [],
  );
});

test('a direct reading of the clock is found', () => {
  const text = 'const a = new Date();\nconst b = new Date(5);\nauto c = std::chrono::steady_clock::now();\n';
  assert.deepEqual(faults({ path: 'src/x.ts', text }), ['src/x.ts:1: new Date()', 'src/x.ts:3: _clock::now']);
});
