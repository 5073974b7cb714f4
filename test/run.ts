/**
 * Runs the tests with Node's own runner: `npm test`, `npm test -- unit/foo` (only files whose path holds one of the
 * words), `npm test -- --exclude lifecycle`. Soak and mutation are programs of their own, never part of a test run.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const CONCURRENCY = 2;
const TIMEOUT_MS = 600_000;
const NEVER = ['soak', 'mutation'];

function findTests(words: readonly string[], excluded: readonly string[]): string[] {
  return readdirSync(here, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => relative(here, join(entry.parentPath, entry.name)))
    .filter((path) => !excluded.includes(path.split('/')[0] ?? ''))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .sort();
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { exclude: { type: 'string', multiple: true } },
  });
  const files = findTests(positionals, [...NEVER, ...(values.exclude ?? [])]);
  if (files.length === 0) {
    console.error(`no test file matches ${positionals.join(' ') || 'dist/test/**/*.test.js'}`);
    return 1;
  }
  const options = [
    '--enable-source-maps',
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TIMEOUT_MS}`,
  ];
  const paths = files.map((path) => join(here, path));
  const result = spawnSync(process.execPath, [...options, ...paths], { stdio: 'inherit' });
  return result.status ?? 1;
}

process.exitCode = main();
