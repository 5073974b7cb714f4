import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathWithoutCompilers, plainEnv, runCommand, temporaryFolder } from '../support/house-process.js';
import type { Outcome } from '../support/house-process.js';
import { repository } from '../support/house-source.js';

// The packed tarball, installed into an empty project on a machine without compilers, without development
// dependencies and without a user's npm settings.
const folder = temporaryFolder('pack');
const project = join(folder, 'project');
const installed = join(project, 'node_modules/kist-relay');
const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };
const stranger = plainEnv(join(folder, 'home'), { PATH: pathWithoutCompilers(folder) });
let contents: string[] = [];

async function succeed(
  command: string,
  args: readonly string[],
  cwd: string,
  env = stranger,
): Promise<Outcome> {
  const outcome = await runCommand(command, args, { cwd, env });
  assert.equal(outcome.code, 0, `${command} ${args.join(' ')}\n${outcome.stdout}\n${outcome.stderr}`);
  return outcome;
}

before(async () => {
  mkdirSync(join(folder, 'home'));
  mkdirSync(project);
  const builder = plainEnv(join(folder, 'home'));
  await succeed('npm', ['pack', '--pack-destination', folder], repository, builder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  assert.ok(tarball !== undefined);
  contents = (await succeed('tar', ['-tzf', join(folder, tarball)], folder, builder)).stdout
    .trim()
    .split('\n');
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module' }),
  );
  await succeed('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', join(folder, tarball)], project);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('the tarball holds the prebuilt addon and what builds it, no build folder, no tests', () => {
  const has = (pattern: RegExp): boolean => contents.some((path) => pattern.test(path));
  assert.ok(has(new RegExp(`^package/prebuilds/linux-${process.arch}/.*\\.node$`)), contents.join('\n'));
  for (const path of [
    'binding.gyp',
    'native/build.mjs',
    'dist/src/index.js',
    'dist/src/index.d.ts',
    'LICENSE',
  ]) {
    assert.ok(contents.includes(`package/${path}`), path);
  }
  assert.ok(!has(/^package\/(build|src|test|bench|dist\/(test|bench)|node_modules)\//), contents.join('\n'));
});

test('the installed package loads its prebuilt addon', async () => {
  const script = `const load = require('node-gyp-build'); load(process.argv[1]); console.log(load.resolve(process.argv[1]))`;
  const { stdout } = await succeed('node', ['-e', script, installed], installed);
  const prebuilds = join(installed, 'prebuilds', `linux-${process.arch}`);
  assert.ok(stdout.trim().startsWith(`${prebuilds}/`), stdout);
});

test('npx kist-relay --version answers with the version', async () => {
  const { stdout } = await succeed('npx', ['--no-install', 'kist-relay', '--version'], project);
  assert.equal(stdout.trim(), version);
});

test('the types of kist-relay and kist-relay/testing resolve', async () => {
  const compilerOptions = {
    target: 'es2022',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(repository, 'node_modules/@types')],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['use.ts'] }));
  const wrong = "import * as api from 'kist-relay';\nimport * as kit from 'kist-relay/testing';\n";
  writeFileSync(join(project, 'use.ts'), `${wrong}export const both = [api, kit];\n`);
  const tsc = join(repository, 'node_modules/typescript/bin/tsc');
  await succeed('node', [tsc, '-p', project], project);
  // The same check can fail: what is not exported is not found.
  writeFileSync(join(project, 'use.ts'), `${wrong}export const both = [api.noSuchName, kit];\n`);
  const outcome = await runCommand('node', [tsc, '-p', project], { cwd: project, env: stranger });
  assert.match(outcome.stdout, /noSuchName/);
});

test('without a prebuilt addon and without a compiler the install script says what to install', async () => {
  rmSync(join(installed, 'prebuilds'), { recursive: true });
  const script = join(installed, 'native/build.mjs');
  const outcome = await runCommand('node', [script, 'install'], { cwd: installed, env: stranger });
  assert.equal(outcome.code, 2);
  assert.match(
    outcome.stderr,
    /^kist-relay: building the native part needs .*apt-get install g\+\+ make python3\n$/,
  );
});

test('without a prebuilt addon the install script builds one from what the tarball brings', async () => {
  rmSync(join(installed, 'prebuilds'), { recursive: true, force: true });
  const env = plainEnv(join(folder, 'home'));
  await succeed('npm', ['rebuild', 'kist-relay'], project, env);
  const { stdout } = await succeed(
    'node',
    ['-p', 'require("node-gyp-build").resolve(process.cwd())'],
    installed,
  );
  assert.equal(stdout.trim(), join(installed, 'build/Release/kist_relay.node'));
});
