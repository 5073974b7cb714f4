// A folder to build one configuration in: .cache/native/<name>/ holds links to the sources and a build folder of
// its own, so that a sanitizer or test build leaves the addon in build/ alone.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withLock } from './lock.mjs';
import { listFiles } from './sources.mjs';
import { buildEnv, checkCompiler, findNodeGyp, root, run } from './toolchain.mjs';

const LINKED = ['native', 'test', 'bench', 'package.json', 'node_modules', 'README.md', 'LICENSE'];

/** binding.gyp with one executable per file of bench/native (none when `benches` is false). */
function gypText(benches) {
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8');
  if (!benches) return text;
  const gyp = JSON.parse(text.replace(/^\s*#.*$/gm, ''));
  for (const source of benchSources()) {
    gyp.targets.push({
      target_name: basename(source, '.cc'),
      type: 'executable',
      dependencies: ['kist_core'],
      sources: [source],
      include_dirs: ['bench/native'],
    });
  }
  return JSON.stringify(gyp, null, 2);
}

export function benchSources() {
  return listFiles(join(root, 'bench/native'), ['.cc']).map((path) => path.slice(root.length + 1));
}

function prepare(folder, benches) {
  mkdirSync(folder, { recursive: true });
  for (const name of LINKED) {
    const link = join(folder, name);
    rmSync(link, { force: true });
    if (existsSync(join(root, name))) symlinkSync(join(root, name), link);
  }
  const gyp = join(folder, 'binding.gyp');
  const text = gypText(benches);
  if (!existsSync(gyp) || readFileSync(gyp, 'utf8') !== text) writeFileSync(gyp, text);
}

// What decides over the makefiles; anything else that changes is make's to notice.
function configuration(folder, env) {
  const sources = ['native', 'test/native', 'bench/native'].flatMap((dir) =>
    listFiles(join(root, dir), ['.cc']),
  );
  const parts = [
    process.version,
    env.GYP_DEFINES ?? '',
    env.CXX ?? '',
    readFileSync(join(folder, 'binding.gyp'), 'utf8'),
  ];
  return createHash('sha256')
    .update(JSON.stringify([...parts, ...sources]))
    .digest('hex');
}

/** Brings folder/build up to date: configures only when the list of sources or a flag changed. */
async function make(folder, defines, targets) {
  const env = { ...buildEnv(), GYP_DEFINES: defines };
  const stamp = join(folder, 'build', '.configuration');
  const wanted = configuration(folder, env);
  const nodeGyp = findNodeGyp();
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    checkCompiler();
    await run(process.execPath, [nodeGyp, 'configure'], { cwd: folder, env });
    writeFileSync(stamp, wanted);
  }
  const jobs = env.JOBS === 'max' ? [] : [`--jobs=${env.JOBS}`];
  await run(process.execPath, [nodeGyp, 'build', ...jobs, ...targets], { cwd: folder, env });
}

/** The addon in the package's own build/ folder; returns its path. */
export function buildAddonInPlace() {
  return withLock(join(root, '.cache', 'build.lock'), async () => {
    await make(root, '', []);
    return join(root, 'build/Release/kist_relay.node');
  });
}

/** Builds `targets` in a folder of their own; returns the folder of the results. */
export function buildApart(name, { san = '', tests = false, benches = false, targets = [] } = {}) {
  const folder = join(root, '.cache/native', san === '' ? name : `${name}-${san.replaceAll(',', '-')}`);
  return withLock(`${folder}.lock`, async () => {
    prepare(folder, benches);
    await make(folder, `san=${san} kist_tests=${tests ? 1 : 0}`, targets);
    return join(folder, 'build/Release');
  });
}

/** A fresh folder with the sources linked, for a tool that does the whole build by itself. */
export function withWorkspace(name, work) {
  const folder = join(root, '.cache/native', name);
  return withLock(`${folder}.lock`, async () => {
    prepare(folder, false);
    return work(folder);
  });
}
