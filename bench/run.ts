/**
 * npm run bench -- NAME [--json FILE] [--quick] [--profile] [FILTER ...]
 *
 * Measures one bench (or `all`) and prints a table; --json writes the same as {bench, commit, machine, cases}. FILTER
 * keeps the cases whose name contains one of the words. --quick: few short trials, figures prove nothing. Exit code 1: no
 * case has a value; 2: wrong arguments.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, BenchContext, BenchReport } from './support/bench-types.js';
import { ChildSet } from './support/child-set.js';
import { describeCommit, describeMachine } from './support/machine.js';
import { Programs } from './support/programs.js';
import { BENCHES } from './support/registry.js';
import { formatReport } from './support/table.js';

// This file runs as dist/bench/run.js.
const folder = join(import.meta.dirname, '../..');

const USAGE = [
  'usage: npm run bench -- NAME|all [--json FILE] [--quick] [--profile] [FILTER ...]',
  ...BENCHES.map((bench) => `  ${bench.name.padEnd(12)} ${bench.about}`),
].join('\n');

interface Request {
  readonly benches: readonly Bench[];
  readonly filters: readonly string[];
  readonly json: string | undefined;
  readonly quick: boolean;
  readonly profile: boolean;
}

function parseRequest(args: string[]): Request {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'string' }, quick: { type: 'boolean' }, profile: { type: 'boolean' } },
  });
  const [name, ...filters] = positionals;
  const benches = BENCHES.filter((bench) => name === 'all' || bench.name === name);
  if (benches.length === 0) throw new Error(name === undefined ? 'no bench named' : `no bench named ${name}`);
  return {
    benches,
    filters,
    json: values.json,
    quick: values.quick ?? false,
    profile: values.profile ?? false,
  };
}

async function measure(request: Request, children: ChildSet, signal: AbortSignal): Promise<BenchReport[]> {
  const programs = new Programs(folder);
  const context: BenchContext = {
    quick: request.quick,
    profile: request.profile,
    children,
    signal,
    wants: (name) => request.filters.length === 0 || request.filters.some((word) => name.includes(word)),
    program: (name) => programs.path(name),
    log: (text) => void process.stderr.write(`${text}\n`),
  };
  const reports: BenchReport[] = [];
  for (const bench of request.benches) {
    try {
      const cases = (await bench.run(context)).filter((result) => context.wants(result.name));
      const report = { bench: bench.name, commit: describeCommit(folder), machine: describeMachine(), cases };
      process.stdout.write(`${formatReport(report)}\n\n`);
      reports.push(report);
    } finally {
      await children.endAll();
    }
  }
  return reports;
}

async function main(): Promise<number> {
  let request: Request;
  try {
    request = parseRequest(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return 2;
  }
  const stop = new AbortController();
  const children = new ChildSet();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      stop.abort(new Error(`stopped by ${name}`));
      children.killAll();
    });
  }
  const reports = await measure(request, children, stop.signal);
  if (request.json !== undefined) {
    const content = reports.length === 1 ? reports[0] : reports;
    writeFileSync(request.json, `${JSON.stringify(content, null, 2)}\n`);
  }
  return reports.some((report) => report.cases.some((result) => result.value !== null)) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
