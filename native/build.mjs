// Builds the native part. Node's own modules only, so that it runs before anything is installed.
//
//   install                       what npm runs: uses a prebuilt addon where one loads, else builds
//   build                         the addon in build/Release, incrementally
//   addon [--san LIST]            the addon apart, warnings as errors, with sanitizers (address,undefined or thread);
//                                 prints its path
//   tests [--san LIST] [--run]    the C++ test program; prints its path, or runs it (doctest's options after --)
//   bench                         the C++ bench programs and addons; prints one path a line
//   fuzz [--seconds N] [NAME ...] the fuzz targets over their corpora, then for N seconds each (20)
//   prebuild                      prebuilds/ for the packed tarball
//
// All but `install` and `build` work under .cache/native/ and leave build/ alone. Exit code 2: a tool is missing.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz } from './tools/fuzz.mjs';
import { listFiles } from './tools/sources.mjs';
import {
  BuildError,
  buildEnv,
  checkCompiler,
  checkPlatform,
  hasHeader,
  root,
  run,
} from './tools/toolchain.mjs';
import {
  benchSources,
  buildAddonInPlace,
  buildApart,
  isBenchAddon,
  withWorkspace,
} from './tools/workspace.mjs';

const SANITIZERS = ['address,undefined', 'address', 'undefined', 'thread'];

// A clone has the TypeScript sources, an installed package does not.
const isClone = existsSync(join(root, 'src'));

function prebuiltLoads() {
  const script = `require('node-gyp-build')(${JSON.stringify(root)})`;
  return spawnSync(process.execPath, ['-e', script], { cwd: root, stdio: 'ignore' }).status === 0;
}

async function install() {
  if (!isClone && prebuiltLoads()) return;
  await buildAddonInPlace();
  if (!prebuiltLoads())
    throw new BuildError('the addon was built but does not load; run: node native/build.mjs build');
}

function sanitizers(san = '') {
  if (san === '' || SANITIZERS.includes(san)) return san;
  throw new BuildError(`--san takes one of: ${SANITIZERS.join(' | ')}`);
}

/** Programs of our own link the system's OpenSSL; the addon uses the one inside Node. */
function checkOpenssl(what) {
  if (hasHeader('openssl/ssl.h')) return;
  throw new BuildError(`${what} need OpenSSL. On Debian or Ubuntu: apt-get install libssl-dev`, 2);
}

async function tests(args) {
  const { values, positionals } = parseArgs({
    args,
    options: { san: { type: 'string' }, run: { type: 'boolean' } },
    allowPositionals: true,
  });
  const san = sanitizers(values.san);
  checkCompiler();
  if (!hasHeader('doctest/doctest.h')) {
    throw new BuildError('the C++ tests need doctest. On Debian or Ubuntu: apt-get install doctest-dev', 2);
  }
  checkOpenssl('the C++ tests');
  const program = join(
    await buildApart('tests', { san, tests: true, targets: ['kist_tests'] }),
    'kist_tests',
  );
  if (!values.run) return console.log(program);
  const { status, signal } = spawnSync(program, positionals, { stdio: 'inherit' });
  if (status !== 0) throw new BuildError(`the C++ tests failed (${signal ?? `exit code ${status}`})`);
}

async function addon(args) {
  const { values } = parseArgs({ args, options: { san: { type: 'string' } } });
  console.log(join(await buildApart('addon', { san: sanitizers(values.san) }), 'kist_relay.node'));
}

async function bench() {
  checkOpenssl('the bench programs');
  const names = benchSources().map((source) => basename(source, '.cc'));
  const folder = await buildApart('bench', { benches: true, targets: names });
  for (const name of names) console.log(join(folder, isBenchAddon(name) ? `${name}.node` : name));
}

function prebuildIsFresh() {
  const built = listFiles(join(root, 'prebuilds'), ['.node']);
  const sources = listFiles(join(root, 'native'), ['.cc', '.h']).concat(join(root, 'binding.gyp'));
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  return built.length > 0 && built.every((path) => statSync(path).mtimeMs > newest);
}

async function prebuild() {
  if (prebuildIsFresh()) return;
  checkCompiler();
  await withWorkspace('prebuild', async (folder) => {
    const script = createRequire(import.meta.url).resolve('prebuildify/bin.js');
    const args = ['--napi', '--strip', '--tag-libc', '--quiet', '-t', process.version];
    await run(process.execPath, [script, ...args], { cwd: folder, env: buildEnv() });
    rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
    cpSync(join(folder, 'prebuilds'), join(root, 'prebuilds'), { recursive: true });
  });
}

const commands = { install, build: buildAddonInPlace, addon, tests, bench, fuzz, prebuild };

try {
  const [name = '', ...args] = process.argv.slice(2);
  if (!Object.hasOwn(commands, name))
    throw new BuildError(`usage: node native/build.mjs ${Object.keys(commands).join('|')}`);
  checkPlatform();
  await commands[name](args);
} catch (error) {
  console.error(error instanceof BuildError ? `kist-relay: ${error.message}` : error);
  process.exitCode = error instanceof BuildError ? error.exitCode : 1;
}
