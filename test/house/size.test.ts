import assert from 'node:assert/strict';
import { test } from 'node:test';
import { functionsOf } from '../support/house-functions.js';
import { readSources } from '../support/house-source.js';
import type { SourceFile } from '../support/house-source.js';
import { sizeExceptions } from './exceptions.js';
import type { SizeException } from './exceptions.js';

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = { typescript: 60, cxx: 80 };
const CXX = /\.(cc|h)$/;

interface TooLong {
  readonly name: string;
  readonly text: string;
}

function tooLong({ path, text }: SourceFile): TooLong[] {
  const lines = text.split('\n').length - 1;
  const found: TooLong[] = [];
  if (lines > MAX_FILE_LINES) found.push({ name: path, text: `${path} has ${lines} lines` });
  // A test's body is a list of steps: only its file is bounded.
  if (path.startsWith('test/')) return found;
  const limit = CXX.test(path) ? MAX_FUNCTION_LINES.cxx : MAX_FUNCTION_LINES.typescript;
  for (const span of functionsOf(text).filter((candidate) => candidate.lines > limit)) {
    found.push({
      name: `${path}:${span.name}`,
      text: `${path}:${span.line} ${span.name} has ${span.lines} lines`,
    });
  }
  return found;
}

function faults(files: readonly SourceFile[], exceptions: readonly SizeException[]): string[] {
  const found = files.flatMap((file) => tooLong(file));
  const excepted = new Set(exceptions.map((exception) => exception.name));
  const needed = new Set(found.map((fault) => fault.name));
  return [
    ...found.filter((fault) => !excepted.has(fault.name)).map((fault) => fault.text),
    ...exceptions
      .filter(({ name }) => !needed.has(name))
      .map(({ name }) => `${name} needs no exception any more`),
  ];
}

test('files and functions are within the size budget', () => {
  const files = readSources(['native', 'src', 'test', 'bench'], ['.ts', '.mjs', '.cc', '.h']);
  assert.ok(files.length > 10);
  assert.deepEqual(faults(files, sizeExceptions), []);
});

test('a long file, a long function and a needless exception are found', () => {
  const body = '  step();\n'.repeat(60);
  const files = [
    { path: 'src/a.ts', text: `export class A {\n  async #run(x: number): Promise<void> {\n${body}  }\n}\n` },
    { path: 'src/b.ts', text: `export const b = (x: string): void => {\n${body}};\n` },
    { path: 'native/c.cc', text: `Status C::run(int x) const noexcept {\n${body.repeat(2)}}\n` },
    { path: 'test/d.ts', text: '\n'.repeat(401) },
  ];
  assert.deepEqual(faults(files, [{ name: 'src/gone.ts', reason: 'none' }]), [
    'src/a.ts:2 #run has 62 lines',
    'src/b.ts:1 b has 62 lines',
    'native/c.cc:1 C::run has 122 lines',
    'test/d.ts has 401 lines',
    'src/gone.ts needs no exception any more',
  ]);
  assert.deepEqual(faults(files.slice(1, 2), [{ name: 'src/b.ts:b', reason: 'none' }]), []);
});

const MIXED = `class X : public Y {
  X(int a) : a_{a}, b_(1) {
    if (a) {
    }
    for (int i = 0; i < a; i++) {
    }
  }
  const z = { a: 1 };
};
constructor(options: { a: number; b?: string } = {}) {
  run();
}
const f = async (x: string): Promise<void> => {
};
`;

test('a function is told from control statements, classes, initialisers and object literals', () => {
  assert.deepEqual(
    functionsOf(MIXED).map((span) => `${span.name} ${span.line} ${span.lines}`),
    ['X 2 6', 'constructor 10 3', 'f 13 2'],
  );
});
