// A folder to build one configuration in: .cache/native/<name>/ holds links to the sources and a build folder of
// its own, so that a sanitizer or test build leaves the addon in build/ alone.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { withLock } from './lock.mjs';
import { listFiles } from './sources.mjs';
import { buildEnv, checkCompiler, findNodeGyp, root, run } from './toolchain.mjs';

const LINKED = ['native', 'test', 'bench', 'package.json', 'node_modules', 'README.md', 'LICENSE'];

/** binding.gyp with one target per file of bench/native (none when `benches` is false): an addon, else a program. */
function gypText(benches) {
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8');
  if (!benches) return text;
  const gyp = JSON.parse(text.replace(/^\s*#.*$/gm, ''));
  for (const source of benchSources()) {
    const name = basename(source, '.cc');
    const kind = isBenchAddon(name)
      ? { defines: ['NAPI_VERSION=9'] }
      : { type: 'executable', libraries: ['-lssl', '-lcrypto'] };
    gyp.targets.push({
      target_name: name,
      ...kind,
      dependencies: ['kist_core'],
      sources: [source],
      include_dirs: ['bench/native'],
    });
  }
  return JSON.stringify(gyp, null, 2);
}

/** True for a bench source that Node loads. */
export function isBenchAddon(name) {
  return name.endsWith('_addon');
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

function plainEnv() {
  return { ...buildEnv(), GYP_DEFINES: '' };
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
async function make(folder, env, targets) {
  const stamp = join(folder, 'build', '.configuration');
  const wanted = configuration(folder, env);
  const nodeGyp = findNodeGyp();
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    checkCompiler();
    await run(process.execPath, [nodeGyp, 'configure'], { cwd: folder, env });
    writeFileSync(stamp, wanted);
  }
  await run(process.execPath, [nodeGyp, 'build', ...targets], { cwd: folder, env });
}

const addonPath = join(root, 'build/Release/kist_relay.node');
// Its time is the start of the last build, so that a source changed while the compiler ran counts as newer.
const addonStamp = join(root, 'build/.addon');

/** True if build/ holds an addon made from the present sources. */
export function addonIsFresh() {
  if (!existsSync(addonPath) || !existsSync(addonStamp)) return false;
  if (readFileSync(addonStamp, 'utf8') !== configuration(root, plainEnv())) return false;
  const built = statSync(addonStamp).mtimeMs;
  const sources = listFiles(join(root, 'native'), ['.cc', '.h']).concat(join(root, 'binding.gyp'));
  return sources.every((path) => statSync(path).mtimeMs <= built);
}

/** Brings the addon in the package's own build/ folder up to date. */
export function buildAddonInPlace() {
  return withLock(join(root, '.cache/build.lock'), async () => {
    const start = new Date();
    await make(root, plainEnv(), []);
    writeFileSync(addonStamp, configuration(root, plainEnv()));
    utimesSync(addonStamp, start, start);
  });
}

/** Builds `targets` in a folder of their own; returns the folder of the results. */
export function buildApart(name, { san = '', tests = false, benches = false, targets = [] } = {}) {
  const folder = join(root, '.cache/native', san === '' ? name : `${name}-${san.replaceAll(',', '-')}`);
  return withLock(`${folder}.lock`, async () => {
    prepare(folder, benches);
    const env = { ...buildEnv(), GYP_DEFINES: `strict=1 san=${san} kist_tests=${tests ? 1 : 0}` };
    await make(folder, env, targets);
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
