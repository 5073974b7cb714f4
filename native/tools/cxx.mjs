// Formatting and lint of the C++ sources:
//   node native/tools/cxx.mjs format [--check]
//   node native/tools/cxx.mjs tidy [WORD ...]      only files whose path holds one of the words
// Exit code 2: a tool is missing.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { listFiles } from './sources.mjs';
import { BuildError, root, run } from './toolchain.mjs';

const FOLDERS = ['native', 'test/native', 'test/fuzz', 'bench/native'];

// Formatting differs between versions, so the version is part of the name where the system has it so.
function findTool(name) {
  const found = [`${name}-16`, name].find((command) => {
    const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    return status === 0 && / version 16\./.test(stdout);
  });
  if (found !== undefined) return found;
  throw new BuildError(`${name} 16 is needed. On Debian or Ubuntu: apt-get install ${name}-16`, 2);
}

function files(endings, words = []) {
  return FOLDERS.flatMap((folder) => listFiles(join(root, folder), endings))
    .map((path) => path.slice(root.length + 1))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)));
}

async function format(args) {
  const tool = findTool('clang-format');
  const style = `--style=file:${join(root, 'native/.clang-format')}`;
  const sources = files(['.cc', '.h']);
  if (!args.includes('--check')) return run(tool, [style, '-i', ...sources]);
  const { stderr } = spawnSync(tool, [style, '--dry-run', ...sources], { cwd: root, encoding: 'utf8' });
  const wrong = sources.filter((path) => stderr.includes(`${path}:`));
  if (wrong.length > 0) throw new BuildError(`not formatted (npm run format mends it): ${wrong.join(' ')}`);
}

function compilerFlags() {
  const napi = resolve(createRequire(import.meta.url).resolve('node-addon-api/package.json'), '..');
  const headers = resolve(process.execPath, '../../include/node');
  const include = ['-Inative', '-Itest/native', '-Ibench/native', '-isystem', napi, '-isystem', headers];
  const defines = [
    '-DNAPI_VERSION=9',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
  ];
  return ['-std=c++20', '-fno-rtti', '-Wall', '-Wextra', ...include, ...defines];
}

async function tidy(words) {
  const tool = findTool('clang-tidy');
  const config = `--config-file=${join(root, 'native/.clang-tidy')}`;
  const waiting = files(['.cc'], words).filter((path) => !path.startsWith('test/'));
  let failed = 0;
  const work = async () => {
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const exceptions = path.startsWith('native/') ? ['-fno-exceptions'] : [];
      try {
        await run(tool, ['--quiet', config, path, '--', ...compilerFlags(), ...exceptions]);
      } catch (error) {
        console.error(error.message);
        failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failed > 0) throw new BuildError(`clang-tidy found faults in ${failed} files`);
}

try {
  const [command, ...args] = process.argv.slice(2);
  if (command === 'format') await format(args);
  else if (command === 'tidy') await tidy(args);
  else throw new BuildError('usage: node native/tools/cxx.mjs format [--check] | tidy [WORD ...]');
} catch (error) {
  console.error(error instanceof BuildError ? `kist-relay: ${error.message}` : error);
  process.exitCode = error instanceof BuildError ? error.exitCode : 1;
}
