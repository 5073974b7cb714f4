// Brings a clone to where it runs: installs packages, builds the addon, compiles TypeScript; each only where it is
// missing or stale, so it may run before every command (prestart, pretest). Node's own modules only. Two at once
// wait for each other.
//
//   node native/setup.mjs          what running the product needs
//   node native/setup.mjs --all    tests and benches too
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './tools/lock.mjs';
import { BuildError, buildEnv, checkCompiler, checkPlatform, root, run } from './tools/toolchain.mjs';
import { compileTypescript, typescriptIsFresh } from './tools/typescript.mjs';
import { addonIsFresh, buildAddonInPlace } from './tools/workspace.mjs';

const part = process.argv.includes('--all') ? 'all' : 'src';
const lockFile = join(root, 'package-lock.json');
const installed = join(root, 'node_modules/.package-lock.json');
const stamp = join(root, '.cache/installed');

function lockFileHash() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex');
}

// The stamp holds what was installed; without one (someone ran `npm ci` by hand) the times decide.
function packagesAreFresh() {
  if (!existsSync(installed) || !existsSync(join(root, 'node_modules/typescript/bin/tsc'))) return false;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockFileHash()) return true;
  return statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs;
}

async function installPackages() {
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const env = { ...buildEnv(), npm_config_dry_run: 'false' };
  if (npm === undefined) await run('npm', args, { env });
  else await run(process.execPath, [npm, ...args], { env });
  mkdirSync(join(root, '.cache'), { recursive: true });
  writeFileSync(stamp, lockFileHash());
}

async function step(text, work) {
  const start = performance.now();
  process.stderr.write(`kist-relay: ${text} ...\n`);
  await work();
  process.stderr.write(`kist-relay: ${text}: ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}

function isReady() {
  return packagesAreFresh() && addonIsFresh() && typescriptIsFresh(part);
}

async function setUp() {
  // Said before minutes of work are spent on anything else.
  if (!addonIsFresh()) checkCompiler();
  if (!packagesAreFresh()) await step('installing packages', installPackages);
  const work = [];
  if (!addonIsFresh()) work.push(step('building the addon', buildAddonInPlace));
  if (!typescriptIsFresh(part)) work.push(step('compiling TypeScript', () => compileTypescript(part)));
  const failed = (await Promise.allSettled(work)).filter((result) => result.status === 'rejected');
  if (failed.length > 0) throw failed[0].reason;
}

try {
  checkPlatform();
  if (!isReady()) await withLock(join(root, '.cache/setup.lock'), setUp);
} catch (error) {
  console.error(error instanceof BuildError ? `kist-relay: ${error.message}` : error);
  process.exitCode = error instanceof BuildError ? error.exitCode : 1;
}
