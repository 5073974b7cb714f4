import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  nodeOptions?: readonly string[];
  env?: Record<string, string>;
  /** Sent when the child has printed `ready`. */
  signal?: NodeJS.Signals;
  timeoutMs?: number;
}

const INHERITED = /^(npm_|NODE_)/i;
/** What a crash, an assertion, a sanitizer or Node itself would have to say. */
const ALARMS = /\bbug:|Sanitizer|runtime error:|terminate called|FATAL ERROR|Warning|Assertion/;

/** Runs a script of this folder with Node to its end. One that hangs is killed and shows it by its signal. */
export async function runChild(
  script: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Promise<ChildEnd> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const kept = Object.entries(process.env).filter(([name]) => !INHERITED.test(name));
  const env = { ...Object.fromEntries(kept), ...options.env };
  const all = ['--enable-source-maps', ...(options.nodeOptions ?? []), path, ...args];
  const child = spawn(process.execPath, all, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (options.signal !== undefined && stdout.includes('ready')) child.kill(options.signal);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { code, signal, stdout, stderr };
}

/** Why this end was not `code`, or undefined when it was and nothing alarming was said. */
export function faultOf(end: ChildEnd, code: number): string | undefined {
  const alarm = ALARMS.exec(end.stderr)?.[0];
  if (end.code === code && end.signal === null && alarm === undefined) return undefined;
  return `ended with ${end.signal ?? end.code} instead of ${code}\n${end.stdout}\n${end.stderr}`;
}

/** Calls `work` `count` times, `width` at a time; the results in order. */
export async function times<T>(count: number, width: number, work: (i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      results[i] = await work(i);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
