// Compiles TypeScript to dist/ when its sources changed, and removes results whose source is gone.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles } from './sources.mjs';
import { root, run } from './toolchain.mjs';

const dist = join(root, 'dist');
const OUTPUTS = ['.js', '.js.map', '.d.ts'];

// What is compiled: only src for running the product, test and bench as well for working on it.
const parts = {
  src: { folders: ['src'], project: 'src', stamp: join(dist, '.stamp-src') },
  all: { folders: ['src', 'test', 'bench'], project: '.', stamp: join(dist, '.stamp-all') },
};

function sources(folders) {
  return folders
    .flatMap((folder) => listFiles(join(root, folder), ['.ts']))
    .map((path) => path.slice(root.length + 1));
}

function signature(part) {
  const hash = createHash('sha256');
  for (const path of [...sources(part.folders), 'tsconfig.json', 'src/tsconfig.json', 'package-lock.json']) {
    const { mtimeMs, size } = statSync(join(root, path));
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function outputsExist(part) {
  return sources(part.folders)
    .filter((path) => !path.endsWith('.d.ts'))
    .every((path) => existsSync(join(dist, path.replace(/\.ts$/, '.js'))));
}

function removeOrphans() {
  for (const output of listFiles(dist, OUTPUTS)) {
    const ending = OUTPUTS.findLast((candidate) => output.endsWith(candidate));
    const source = join(root, output.slice(dist.length + 1, -ending.length));
    if (!existsSync(`${source}.ts`)) rmSync(output);
  }
}

/** True if dist/ holds what the sources say; `name` is `src` or `all`. */
export function typescriptIsFresh(name) {
  const { stamp } = parts[name];
  return (
    existsSync(stamp) && readFileSync(stamp, 'utf8') === signature(parts[name]) && outputsExist(parts[name])
  );
}

export async function compileTypescript(name) {
  const part = parts[name];
  const before = signature(part);
  const beforeSrc = signature(parts.src);
  for (const { stamp } of Object.values(parts)) rmSync(stamp, { force: true });
  removeOrphans();
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', part.project]);
  mkdirSync(dist, { recursive: true });
  // Taken before compiling: a source that changed meanwhile is compiled again the next time.
  writeFileSync(part.stamp, before);
  writeFileSync(parts.src.stamp, beforeSrc);
}
