import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repository } from '../support/house-source.js';

const readme = readFileSync(join(repository, 'README.md'), 'utf8');

/** Where each command of the README is run: a file and what of the command stands in it. */
const RUN_BY: Readonly<Record<string, readonly [file: string, proof: string]>> = {
  'npm start': ['.ci/run', 'npm start --silent -- --smoke'],
  'npm start -- --smoke': ['.ci/run', 'npm start --silent -- --smoke'],
  'npm test': ['.ci/run', 'npm test --silent'],
  'npm test -- unit/kist': ['.ci/run', 'npm test --silent'],
  'npx kist-relay registration': ['test/integration/cli-tor61.test.ts', "'registration'"],
  './run 3147 2 46110': ['test/integration/run-script.test.ts', 'run'],
  'npx kist-relay tor61 3147 2 46110': ['test/integration/cli-tor61.test.ts', "'tor61'"],
  'npx kist-relay testnet --with-tor': [
    'test/integration/tor/testnet-command.test.ts',
    "'testnet', '--with-tor'",
  ],
  'npx kist-relay run -f torrc': ['test/integration/tor/run-command.test.ts', "main, 'run', '-f', torrc"],
  'npx kist-relay run -f torrc --verify-config': [
    'test/integration/tor/run-command.test.ts',
    "'--verify-config'",
  ],
  'npx kist-relay options': ['test/house/readme.test.ts', 'dist/src/cli/main.js'],
  'npm run test:native -- --san thread': ['.ci/run', 'test:native -- --san thread'],
  'npm run bench -- NAME': ['.ci/run', 'npm run --silent bench --'],
  'npm run bench -- syscalls': ['.ci/run', 'bench_quickly syscalls'],
  'npm run bench -- relay': ['.ci/run', 'bench_quickly relay'],
  'npm run bench -- lone': ['.ci/run', 'bench_quickly lone'],
  'npm run bench -- quiet': ['.ci/run', 'bench_quickly quiet'],
  'npm run bench -- tor-middle': ['.ci/run', 'bench_quickly tor-middle'],
  'npm run soak -- --tor --minutes 1': ['.ci/run', 'soak -- --tor --minutes 1'],
  'npm run soak -- --minutes 2': ['.ci/run', 'soak -- --minutes 2'],
  'npm run mutation': ['.ci/run', 'npm run --silent mutation'],
  'npm run fuzz -- --seconds 20': ['.ci/run', 'fuzz -- --seconds 20'],
  'bash .ci/run': ['.ci/run', 'all steps passed'],
};

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp('```' + language + '\\n([\\s\\S]*?)```', 'g'))].map(
    (m) => m[1] ?? '',
  );
}

function commands(): string[] {
  const shell = blocks('sh').flatMap((block) => block.split('\n').filter((line) => line.trim() !== ''));
  const inline = [...readme.matchAll(/`((?:npm|npx|bash) [^`]*)`/g)].map((m) => m[1] ?? '');
  return [...new Set([...shell, ...inline])];
}

test('every command of the README is run by a test or by CI', () => {
  const unproven = commands().filter((command) => {
    const [file, proof] = RUN_BY[command] ?? [];
    return (
      file === undefined ||
      proof === undefined ||
      !readFileSync(join(repository, file), 'utf8').includes(proof)
    );
  });
  assert.deepEqual(unproven, []);
});

test('the tables of options and exit codes are what the command prints', () => {
  const main = join(repository, 'dist/src/cli/main.js');
  const printed = spawnSync(process.execPath, [main, 'options'], { encoding: 'utf8' }).stdout.trim();
  const table = /<!-- options -->\n([\s\S]*?)\n<!-- \/options -->/.exec(readme)?.[1]?.trim();
  assert.equal(table, printed);
});

test('the programs of the README run', () => {
  const folder = join(repository, 'dist/readme');
  mkdirSync(folder, { recursive: true });
  for (const [index, code] of blocks('js').entries()) {
    const file = join(folder, `example-${index}.mjs`);
    writeFileSync(file, code);
    const run = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(run.status, 0, `${code}\n${run.stderr}`);
    assert.notEqual(run.stdout.trim(), '');
  }
});

test('every file and function that the README names exists', () => {
  const files = [...readme.matchAll(/`((?:native|src|test|bench)\/[\w./-]+\.\w+)`/g)].map((m) => m[1] ?? '');
  assert.deepEqual(
    files.filter((file) => !existsSync(join(repository, file))),
    [],
  );
  const section = readme.slice(readme.indexOf('## Follow one cell'), readme.indexOf('## The house'));
  const missing = [...section.matchAll(/`([A-Z]\w+)::(\w+)`/g)].filter(([, type = '', name = '']) => {
    const found = spawnSync(
      'grep',
      ['-rlE', `(${type}::${name}|\\b${name})\\(`, join(repository, 'native')],
      {
        encoding: 'utf8',
      },
    ).stdout;
    return !found.includes('.cc') && !found.includes('.h');
  });
  assert.deepEqual(
    missing.map(([whole]) => whole),
    [],
  );
});
