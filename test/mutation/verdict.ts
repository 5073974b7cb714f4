import { join } from 'node:path';
import type { MutationTest } from './mutation.js';
import { runProcess } from './process.js';

/** `none`: no test of that name ran. A test that hangs or takes the process down is red. */
export type Colour = 'green' | 'red' | 'none';

const TIMEOUT_MS = 120_000;

/** Runs one test of a C++ test program. */
async function runNative(program: string, name: string): Promise<Colour> {
  // A comma separates filters; the wildcard ? stands for it.
  const filter = name.replaceAll(/[,\\]/g, '?');
  const { code, output } = await runProcess(program, ['--no-colors', `--test-case=${filter}`], {
    timeoutMs: TIMEOUT_MS,
  });
  if (code !== 0) return 'red';
  const ran = /test cases: +(\d+) \|/.exec(output)?.[1] ?? '0';
  return ran === '0' ? 'none' : 'green';
}

/** Runs one test of a compiled test file with the addon `addon`. */
async function runNode(dist: string, addon: string, { file, name }: MutationTest): Promise<Colour> {
  const pattern = `^${name.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`;
  const path = join(dist, file.replace(/\.ts$/, '.js'));
  const { code, output } = await runProcess(
    process.execPath,
    ['--test', '--test-reporter=tap', `--test-name-pattern=${pattern}`, path],
    { timeoutMs: TIMEOUT_MS, env: { ...process.env, KIST_RELAY_ADDON: addon } },
  );
  if (code !== 0) return 'red';
  return /^# pass 0$/m.test(output) ? 'none' : 'green';
}

/** `program`: the test program or the addon, by the kind of the test; `dist`: compiled TypeScript. */
export function runTest(test: MutationTest, program: string, dist: string): Promise<Colour> {
  return test.kind === 'native' ? runNative(program, test.name) : runNode(dist, program, test);
}
