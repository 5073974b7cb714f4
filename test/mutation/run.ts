/**
 * Breaks the product in one place after the other and sees whether the test that should notice does:
 *
 *     npm run mutation                  all of mutations.ts
 *     npm run mutation -- destroy       those whose name holds a word
 *
 * Works in a temporary copy; the checkout is only read. Each test must be green on the whole product first. Prints a
 * table and `N passed, M failed`; exit code 1 when a breakage was not noticed, could not be made or did not compile.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Builder } from './builder.js';
import { applyMutation, checkMutations } from './mutation.js';
import type { Mutation, MutationTest } from './mutation.js';
import { MUTATIONS } from './mutations.js';
import { inParallel } from './process.js';
import { runTest } from './verdict.js';

const dist = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const repository = resolve(dist, '..');
const JOBS = Math.max(2, availableParallelism());

interface Outcome {
  readonly mutation: Mutation;
  /** Empty: the test noticed. */
  readonly fault: string;
  readonly seconds: number;
}

/** Everything that building and testing needs, so that work going on in the checkout does not disturb. */
function copySources(): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'kist-relay-mutation-')));
  for (const folder of ['native', 'test/native']) {
    cpSync(realpathSync(join(repository, folder)), join(root, folder), { recursive: true });
  }
  for (const folder of ['dist/src', 'dist/test']) {
    cpSync(join(repository, folder), join(root, folder), { recursive: true });
  }
  cpSync(join(repository, 'package.json'), join(root, 'package.json'));
  symlinkSync(realpathSync(join(repository, 'node_modules')), join(root, 'node_modules'));
  return root;
}

function programOf(test: MutationTest): string {
  return test.kind === 'native' ? test.file : 'addon';
}

/** Builds the whole product and sees that every test is green on it. */
async function checkWhole(root: string, builder: Builder, mutations: readonly Mutation[]): Promise<void> {
  const tests = mutations.map(({ test }) => test);
  const files = new Set(tests.filter(({ kind }) => kind === 'native').map(({ file }) => file));
  const withAddon = tests.some(({ kind }) => kind === 'node');
  await builder.buildWhole([...files], withAddon);
  const programs = new Map<string, string>();
  for (const file of files) programs.set(file, await builder.linkTests(file));
  if (withAddon) programs.set('addon', await builder.linkAddon());
  const distinct = [...new Map(tests.map((test) => [`${test.file} ${test.name}`, test])).values()];
  const faults = await inParallel(distinct, JOBS, async (test) => {
    const colour = await runTest(test, programs.get(programOf(test)) ?? '', join(root, 'dist'));
    return colour === 'green' ? [] : [`${test.file}: "${test.name}" is ${colour} without any breakage`];
  });
  if (faults.flat().length > 0) throw new Error(faults.flat().join('\n'));
}

/** Empty when the test noticed; else what went wrong. */
async function tryMutation(
  root: string,
  builder: Builder,
  mutation: Mutation,
  index: number,
): Promise<string> {
  const { file, test } = mutation;
  const folder = join(root, 'broken', String(index));
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), applyMutation(readFileSync(join(root, file), 'utf8'), mutation));
  const overlay = { folder, file };
  const program = await (test.kind === 'native'
    ? builder.linkTests(test.file, overlay)
    : builder.linkAddon(overlay));
  const colour = await runTest(test, program, join(root, 'dist'));
  rmSync(folder, { recursive: true });
  return colour === 'red' ? '' : `the test stays ${colour}`;
}

function report({ mutation, fault, seconds }: Outcome): void {
  const verdict = fault === '' ? 'passed' : 'FAILED';
  console.log(`${verdict}  ${seconds.toFixed(1).padStart(5)} s  ${mutation.name}`);
  console.log(`                 ${mutation.test.file}: ${mutation.test.name}`);
  if (fault !== '') console.log(`                 ${mutation.file}: ${fault}`);
}

async function mutate(root: string, mutations: readonly Mutation[]): Promise<number> {
  const builder = new Builder(root, JOBS);
  // Stale entries are told at once, not after minutes.
  for (const mutation of mutations) applyMutation(readFileSync(join(root, mutation.file), 'utf8'), mutation);
  const begin = performance.now();
  await checkWhole(root, builder, mutations);
  console.log(`the whole product is green (${((performance.now() - begin) / 1000).toFixed(0)} s)`);
  const outcomes = await inParallel(mutations, JOBS, async (mutation, index) => {
    const start = performance.now();
    const fault = await tryMutation(root, builder, mutation, index).catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    );
    return { mutation, fault, seconds: (performance.now() - start) / 1000 };
  });
  outcomes.forEach((outcome) => report(outcome));
  const failed = outcomes.filter(({ fault }) => fault !== '').length;
  console.log(`${outcomes.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function main(words: readonly string[]): Promise<number> {
  checkMutations(MUTATIONS);
  const mutations = MUTATIONS.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  if (mutations.length === 0) throw new Error(`no mutation's name holds ${words.join(' or ')}`);
  const root = copySources();
  const clear = (): void => rmSync(root, { recursive: true, force: true });
  process.once('SIGINT', () => {
    clear();
    process.exit(130);
  });
  try {
    return await mutate(root, mutations);
  } finally {
    clear();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
