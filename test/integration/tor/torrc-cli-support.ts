import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('torrc-cli-child.js', import.meta.url));
const TIMEOUT_MS = 30_000;

/** Whether a program is there; a reason to skip a test otherwise. */
export function needs(program: string): false | string {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  return found ? false : `needs ${program}`;
}

/** An empty folder, with one for data in it, for the length of a test. */
export function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kist-torrc-'));
  mkdirSync(join(folder, 'data'), { mode: 0o700 });
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end. */
export function runOurs(args: readonly string[], cwd?: string): Finished {
  return spawnSync(process.execPath, [child, ...args], { encoding: 'utf8', cwd, timeout: TIMEOUT_MS });
}

export function runTheirs(args: readonly string[], cwd?: string): Finished {
  return spawnSync('tor', [...args], { encoding: 'utf8', cwd, timeout: TIMEOUT_MS });
}

/** A running command whose output is watched. */
export class Running {
  readonly process: ChildProcess;
  output = '';
  readonly ended: Promise<number | null>;
  #watchers: (() => void)[] = [];

  constructor(
    t: TestContext,
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    const started = spawn(command, [...args], { env: { ...process.env, ...env }, stdio: 'pipe' });
    this.process = started;
    const take = (chunk: Buffer): void => {
      this.output += chunk.toString();
      for (const watcher of this.#watchers) watcher();
    };
    started.stdout.on('data', take);
    started.stderr.on('data', take);
    this.ended = once(started, 'exit').then(([code]) => code as number | null);
    t.after(async () => {
      started.kill('SIGKILL');
      await this.ended;
    });
  }

  static ours(t: TestContext, args: readonly string[], env?: Readonly<Record<string, string>>): Running {
    return new Running(t, process.execPath, [child, ...args], env);
  }

  /** Resolves when the output holds a text, from `start` on; rejects when the process ends without it. */
  async says(text: string | RegExp, start = 0): Promise<void> {
    const isSaid = (): boolean => {
      const rest = this.output.slice(start);
      return typeof text === 'string' ? rest.includes(text) : text.test(rest);
    };
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        if (isSaid()) resolve();
      };
      this.#watchers.push(check);
      void this.ended.then(() => reject(new Error(`it never said ${text}:\n${this.output}`)));
      check();
    });
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The answer to one GET, as it came. */
export async function get(port: number, path: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.end(`GET ${path} HTTP/1.0\r\n\r\n`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}
