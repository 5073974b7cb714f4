import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  TorrcError,
  listTorrcOptions,
  loadTorrc,
  parseTorArguments,
} from '../../../src/config/torrc/index.js';
import { scanLines } from '../../../src/config/torrc/scan-lines.js';
import { memoryFiles } from './memory-files.js';
import { SAMPLES } from './samples.js';

const names = listTorrcOptions().map(({ name }) => name);
const values = SAMPLES.flatMap(([, ...lines]) => lines.map((line) => line.replace(/^\S+ ?/, '')));

const name = fc.oneof(
  fc.constantFrom(...names, '%include', '+ORPort', '/ORPort', '+Log', '__ORPort'),
  fc.string({ maxLength: 12 }),
);
const value = fc.oneof(
  fc.constantFrom(...values, '', '0', '1', 'auto', '-1', '1e9', '\\\n', '"', '#', '*', '/x/*', '/x/[a'),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.integer().map(String),
);
const torrc = fc
  .array(
    fc.tuple(name, value).map((pair) => pair.join(' ')),
    { maxLength: 12 },
  )
  .map((lines) => lines.join('\n'));

function throwsOnlyTorrcErrors(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof TorrcError, String(error instanceof Error ? error.stack : error));
    assert.ok(error.message.length > 0);
  }
}

test('whatever a torrc holds, nothing but a TorrcError is thrown', () => {
  const files = memoryFiles({ '/x/a': 'Nickname a\n', '/x/b': 'ORPort 1\n%include /x/a\n' });
  const property = fc.property(torrc, torrc, (text, defaults) => {
    const sources = memoryFiles({ defaults });
    throwsOnlyTorrcErrors(() => loadTorrc({ text, files }));
    throwsOnlyTorrcErrors(() => loadTorrc({ text, defaultsFile: 'defaults', files: sources, home: '/h' }));
  });
  fc.assert(property, { numRuns: 1500 });
});

test('whatever the text, scanning ends and keeps its lines in order', () => {
  const property = fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
    throwsOnlyTorrcErrors(() => {
      const places = scanLines(text, 'f').map(({ position }) => position.line);
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
    });
  });
  fc.assert(property, { numRuns: 2000 });
});

test('whatever the arguments, nothing but a TorrcError is thrown', () => {
  const words = fc.array(fc.oneof(name, value, fc.constantFrom('-f', '--verify-config', '--dump-config')), {
    maxLength: 8,
  });
  const property = fc.property(words, (args) => throwsOnlyTorrcErrors(() => parseTorArguments(args)));
  fc.assert(property);
});

test('a plain value comes back as it was written', () => {
  const plain = fc.stringMatching(/^[A-Za-z0-9.:/*-][A-Za-z0-9 .:,/*-]*$/).map((text) => text.trim());
  const property = fc.property(plain, (text) => {
    assert.equal(scanLines(`Option   ${text}  # comment\n`, 'f')[0]?.value, text);
  });
  fc.assert(property);
});

test('a quoted value comes back whatever bytes it has', () => {
  const property = fc.property(fc.uint8Array({ min: 1, maxLength: 40 }), (bytes) => {
    const escaped = [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    const expected = Buffer.from(bytes).toString('utf8');
    assert.equal(scanLines(`Option "${escaped}"`, 'f')[0]?.value, expected);
  });
  fc.assert(property);
});
