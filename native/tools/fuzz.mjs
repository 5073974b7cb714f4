// Fuzzing of the native core with libFuzzer: every file of test/fuzz/native is a target, its corpus lies beside it.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { withLock } from './lock.mjs';
import { listFiles } from './sources.mjs';
import { BuildError, root, run } from './toolchain.mjs';

const COMPILER = 'clang++-16';
const FLAGS = [
  ...['-std=c++20', '-O1', '-g', '-fno-omit-frame-pointer', '-I', 'native', '-I', 'test/native'],
  ...['-fno-sanitize-recover=undefined', '-fno-sanitize=vptr'],
];
const SANITIZE = 'address,undefined';

/** Writes a makefile of its own: make then compiles only what changed. */
function makefile(folder, targets) {
  const object = (source) => join(folder, source.replace(/\.cc$/, '.o'));
  const core = listFiles('native', ['.cc'], 'native/napi').concat('test/native/support_plane.cc');
  const rules = [...core, ...targets].map((source) => {
    const extra = source.startsWith('test/fuzz/') ? `${SANITIZE},fuzzer` : `${SANITIZE},fuzzer-no-link`;
    const compile = `${COMPILER} ${FLAGS.join(' ')} -fsanitize=${extra} -MMD -MP -c -o $@ ${source}`;
    return `${object(source)}: ${source}\n\t@mkdir -p $(@D)\n\t@${compile}\n-include ${object(source).replace(/o$/, 'd')}`;
  });
  const links = targets.map((source) => {
    const objects = [...core, source].map(object).join(' ');
    return `${program(folder, source)}: ${objects}\n\t@${COMPILER} -fsanitize=${SANITIZE},fuzzer -o $@ $^ -lssl -lcrypto`;
  });
  const programs = targets.map((source) => program(folder, source)).join(' ');
  return [`all: ${programs}`, ...links, ...rules].join('\n') + '\n';
}

function program(folder, source) {
  return join(folder, basename(source, '.cc'));
}

/** Builds all targets, then runs each over its corpus and for some seconds more: `--seconds N`, names of targets. */
export async function fuzz(args) {
  const options = { seconds: { type: 'string', default: '20' } };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 0) throw new BuildError('--seconds takes a whole number');
  if (spawnSync(COMPILER, ['--version']).status !== 0) {
    throw new BuildError(`fuzzing needs ${COMPILER}. On Debian or Ubuntu: apt-get install clang-16`, 2);
  }
  process.chdir(root);
  const folder = '.cache/native/fuzz';
  const sources = listFiles('test/fuzz/native', ['_fuzz.cc']);
  const wanted = sources.filter((source) => {
    return positionals.length === 0 || positionals.includes(basename(source, '_fuzz.cc'));
  });
  if (wanted.length === 0) throw new BuildError(`no such fuzz target: ${positionals.join(' ')}`);
  mkdirSync(folder, { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    const rules = join(folder, 'Makefile');
    writeFileSync(rules, makefile(folder, wanted));
    await run('make', ['-j2', '-f', rules, 'all'], { cwd: root });
  });
  for (const source of wanted) fuzzOne(folder, source, seconds);
}

function fuzzOne(folder, source, seconds) {
  const name = basename(source, '_fuzz.cc');
  const found = join(folder, 'found', name);
  mkdirSync(found, { recursive: true });
  const corpus = join('test/fuzz/native/corpus', name);
  const limits = [
    '-max_len=4096',
    '-timeout=20',
    '-rss_limit_mb=2048',
    '-print_final_stats=1',
    '-verbosity=0',
  ];
  const length = seconds === 0 ? '-runs=0' : `-max_total_time=${seconds}`;
  const inputs = existsSync(corpus) ? [found, corpus] : [found];
  const artifacts = `-artifact_prefix=${join(folder, `${name}-`)}`;
  const { status, stderr } = spawnSync(program(folder, source), [...limits, length, artifacts, ...inputs], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) {
    process.stderr.write(stderr);
    throw new BuildError(`fuzz target ${name} failed; its input is beside ${join(folder, `${name}-`)}`);
  }
  const runs = /number_of_executed_units: (\d+)/.exec(stderr)?.[1] ?? '?';
  console.log(`${name}: ${runs} inputs, no fault`);
}
