import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSources, repository } from '../support/house-source.js';
import type { SourceFile } from '../support/house-source.js';

// Written in pieces, or this file would find itself.
const RULES: readonly (readonly [what: string, pattern: RegExp])[] = [
  [
    'an unfinished mark',
    new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`),
  ],
  ['an unfinished mark', new RegExp(`\\bnot (yet )?implemen${'ted'}\\b|\\bplacehol${'der'}\\b`, 'i')],
  ['a path of one machine', new RegExp(`(^|[^\\w./])/(wo${'rk'}|ro${'ot'}|home/[a-z]+)/[\\w.-]+`)],
  ['a package registry', new RegExp(`registry\\.np${'m'}|"resolved": *"https?:`)],
];

function marks({ path, text }: SourceFile): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      RULES.filter(([, pattern]) => pattern.test(line)).map(([what]) => `${path}:${index + 1}: ${what}`),
    );
}

function topLevelFiles(): SourceFile[] {
  return readdirSync(repository)
    .filter(
      (name) => name !== 'LICENSE' && statSync(join(repository, name)).isFile() && !name.endsWith('.tgz'),
    )
    .map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }));
}

test('no unfinished marks, no paths of one machine, no registry hosts', () => {
  const endings = ['.ts', '.mjs', '.cc', '.h', '.sh', 'run', '.json'];
  const files = [...readSources(['native', 'src', 'test', 'bench', '.ci'], endings), ...topLevelFiles()];
  assert.ok(
    files.some(({ path }) => path === 'package-lock.json') && existsSync(join(repository, '.ci/run')),
  );
  assert.deepEqual(
    files.flatMap((file) => marks(file)),
    [],
  );
});

test('each kind of mark is found', () => {
  const sample = ['// TO' + 'DO: later', `throw new Error("not implemen${'ted'}")`, `cd /ro${'ot'}/src`];
  const text = [
    ...sample,
    `"resolved": "http${'s'}://host/x.tgz"`,
    'fine: /etc/hosts, to do, src/work/x',
  ].join('\n');
  assert.deepEqual(marks({ path: 'x', text }), [
    'x:1: an unfinished mark',
    'x:2: an unfinished mark',
    'x:3: a path of one machine',
    'x:4: a package registry',
  ]);
});
