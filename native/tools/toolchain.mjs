// Finds what a native build needs (headers of this very Node, node-gyp, a compiler) and says plainly what is missing.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(import.meta.url);
const OLDEST_NODE = [20, 19];

/** What the user can mend: printed without a stack. `exitCode` 2 means a missing tool, 1 anything else. */
export class BuildError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function checkPlatform() {
  if (process.platform !== 'linux') {
    throw new BuildError(
      `kist-relay runs on Linux only (its data plane uses epoll and TCP_INFO); this is ${process.platform}`,
    );
  }
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new BuildError(
      `kist-relay needs Node ${OLDEST_NODE.join('.')} or later; this is ${process.versions.node}`,
    );
  }
}

/** The compiler's environment: headers beside this Node, so that nothing is downloaded, and binding.gyp runs this Node. */
export function buildEnv() {
  const env = { ...process.env, JOBS: process.env.JOBS ?? 'max', npm_node_execpath: process.execPath };
  const prefix = resolve(process.execPath, '..', '..');
  if (!env.npm_config_nodedir && existsSync(resolve(prefix, 'include/node/node_api.h'))) {
    env.npm_config_nodedir = prefix;
  }
  return env;
}

function works(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', env: buildEnv() }).status === 0;
}

export function checkCompiler() {
  const missing = [];
  const compiler = process.env.CXX ?? 'g++';
  if (!works(compiler, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '/dev/null'])) {
    missing.push(`a C++20 compiler (${compiler} does not run or is too old; g++ 10 or later)`);
  }
  if (!works('make', ['--version'])) missing.push('make');
  if (!works(process.env.PYTHON ?? 'python3', ['--version'])) missing.push('python3');
  if (missing.length > 0) {
    throw new BuildError(
      `building the native part needs ${missing.join(', ')}. On Debian or Ubuntu: apt-get install g++ make python3`,
      2,
    );
  }
}

/** True if g++ finds `header`. */
export function hasHeader(header) {
  const result = spawnSync(process.env.CXX ?? 'g++', ['-std=c++20', '-E', '-x', 'c++', '-'], {
    input: `#include <${header}>\n`,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return result.status === 0;
}

/** The script of node-gyp: our own in a clone, npm's own where the package is a dependency. */
export function findNodeGyp() {
  const candidates = [];
  try {
    candidates.push(require.resolve('node-gyp/bin/node-gyp.js'));
  } catch {
    // Not installed: it is a development dependency.
  }
  const npm = 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js';
  candidates.push(process.env.npm_config_node_gyp ?? '', resolve(process.execPath, '../..', npm));
  if (process.env.npm_execpath) {
    candidates.push(resolve(process.env.npm_execpath, '../../node_modules/node-gyp/bin/node-gyp.js'));
  }
  const found = candidates.find((path) => path !== '' && existsSync(path));
  if (found === undefined)
    throw new BuildError('node-gyp was not found: install npm, or node-gyp beside this package', 2);
  return found;
}

/** Runs a command; its output goes to standard error, or with `quiet` only if it fails. */
export function run(command, args, { cwd = root, env = buildEnv(), quiet = true } = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks = [];
    const take = (chunk) => (quiet ? chunks.push(chunk) : process.stderr.write(chunk));
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', fail);
    child.on('close', (code, signal) => {
      if (code === 0) return done();
      process.stderr.write(Buffer.concat(chunks));
      fail(new BuildError(`${[command, ...args].join(' ')} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}
