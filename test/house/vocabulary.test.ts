import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineOf, readSources, stripComments, wordsOf } from '../support/house-source.js';
import type { SourceFile } from '../support/house-source.js';

/** One word, one thing: what must not appear as a word of an identifier or file name, and what to say. */
const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ['packet', 'cell'],
  ['packets', 'cells'],
  ['frame', 'cell'],
  ['frames', 'cells'],
  ['opcode', 'command'],
  ['throttle', 'token bucket'],
  ['tracker', 'registration service'],
  ['crawler', 'collector'],
]);

function faults({ path, text }: SourceFile): string[] {
  const code = stripComments(text);
  const found = [...code.matchAll(/[A-Za-z_$][\w$]*/g)].flatMap((match) =>
    wordsOf(match[0]).map((word) => ({ word, name: match[0], at: match.index })),
  );
  const inPath = wordsOf(path).map((word) => ({ word, name: path, at: 0 }));
  return [...inPath, ...found]
    .filter(({ word }) => FORBIDDEN.has(word))
    .map(
      ({ word, name, at }) => `${path}:${lineOf(code, at)}: ${name}: say ${FORBIDDEN.get(word)}, not ${word}`,
    );
}

test('identifiers and file names use the words of the field', () => {
  const files = readSources(['native', 'src'], ['.ts', '.cc', '.h']);
  assert.deepEqual(
    files.flatMap((file) => faults(file)),
    [],
  );
});

test('a forbidden word is found in an identifier and a file name, not in comments, strings or longer words', () => {
  const text = '// a packet\nconst maxPacketSize = "frame";\nconst framing = 1;\nint frame_len;\n';
  assert.deepEqual(faults({ path: 'native/cell/packet_pool.h', text }), [
    'native/cell/packet_pool.h:1: native/cell/packet_pool.h: say cell, not packet',
    'native/cell/packet_pool.h:2: maxPacketSize: say cell, not packet',
    'native/cell/packet_pool.h:4: frame_len: say cell, not frame',
  ]);
});
