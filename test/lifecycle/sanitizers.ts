/**
 * `npm run test:sanitizers [-- address,undefined | thread]`: a network with traffic in an unmodified Node that loads the
 * addon built with sanitizers. Their libraries are preloaded into that one process and into nothing that it starts.
 * Exit code 0 when all is clean or the tools are missing, which is said.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repository } from '../support/house-source.js';

const MISSING_TOOL = 2;
const TIMEOUT_MS = 300_000;
const REPORT = /Sanitizer|runtime error:|\bbug:/;

interface Kind {
  readonly libraries: readonly string[];
  readonly scale: number;
  readonly nodeOptions: readonly string[];
  readonly env: Record<string, string>;
}

/**
 * V8's platform gives its jobs from thread to thread by locks of its own, which this sanitizer does not see because Node is
 * not built for it. Reports with any frame of ours do not begin there.
 */
const SUPPRESSIONS = ['race:^v8::platform::', 'race:^node::.*Platform', ''].join('\n');
const SUPPRESSION_FILE = join(repository, 'dist/tsan-suppressions.txt');

const KINDS: Record<string, Kind> = {
  'address,undefined': {
    libraries: ['libasan.so', 'libubsan.so'],
    scale: 1,
    nodeOptions: [],
    env: {
      ASAN_OPTIONS: 'detect_leaks=1:exitcode=99:detect_stack_use_after_return=1',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=98',
    },
  },
  thread: {
    libraries: ['libtsan.so'],
    scale: 0.25,
    // V8's own worker threads are not built for this sanitizer: it would report them.
    nodeOptions: ['--single-threaded'],
    env: {
      TSAN_OPTIONS: `exitcode=66:halt_on_error=0:second_deadlock_stack=1:print_suppressions=0:suppressions=${SUPPRESSION_FILE}`,
    },
  },
};

/** Where g++ has a library; undefined when it has none. */
function findLibrary(name: string): string | undefined {
  const { status, stdout } = spawnSync(process.env['CXX'] ?? 'g++', [`-print-file-name=${name}`], {
    encoding: 'utf8',
  });
  const path = status === 0 ? stdout.trim() : '';
  return path.includes('/') && existsSync(path) ? path : undefined;
}

function build(san: string): string | undefined {
  const script = join(repository, 'native/build.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, 'addon', '--san', san], {
    encoding: 'utf8',
  });
  if (status === MISSING_TOOL) return undefined;
  if (status !== 0) throw new Error(`the addon with ${san} was not built: ${stderr}`);
  return stdout.trim();
}

/** True when the child ended as it should and no sanitizer had anything to say. */
function run(addon: string, kind: Kind, preload: string, how: string): boolean {
  writeFileSync(SUPPRESSION_FILE, SUPPRESSIONS);
  const child = fileURLToPath(new URL('children/sanitized-child.js', import.meta.url));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...kind.env,
    LD_PRELOAD: preload,
    KIST_RELAY_ADDON: addon,
  };
  // process.exit() frees nothing of V8's heap, so everything that only the heap pointed to would count as leaked.
  if (how === 'exit') env['ASAN_OPTIONS'] = `${env['ASAN_OPTIONS'] ?? ''}:detect_leaks=0`;
  const args = ['--enable-source-maps', ...kind.nodeOptions, child, how, String(kind.scale)];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env,
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 27,
  });
  console.log(stdout.trimEnd());
  const isClean = status === 0 && stdout.trimEnd().endsWith(how) && !REPORT.test(stderr);
  if (!isClean) console.error(`sanitizers: ended with ${signal ?? status}\n${stderr}`);
  return isClean;
}

function check(san: string, kind: Kind): boolean {
  const found = kind.libraries.map(findLibrary);
  const addon = found.includes(undefined) ? undefined : build(san);
  if (addon === undefined) {
    console.log(`${san}: skipped: needs g++ with ${kind.libraries.join(' and ')}`);
    return true;
  }
  return ['end', 'exit'].every((how) => {
    console.log(`${san}, ${how}:`);
    return run(addon, kind, found.join(' '), how);
  });
}

const wanted = process.argv.slice(2);
for (const san of wanted) if (!(san in KINDS)) throw new TypeError(`no such sanitizers: ${san}`);
const chosen = Object.entries(KINDS).filter(([san]) => wanted.length === 0 || wanted.includes(san));
process.exitCode = chosen.every(([san, kind]) => check(san, kind)) ? 0 : 1;
