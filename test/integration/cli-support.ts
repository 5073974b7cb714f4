import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The compiled command line beside these compiled tests. */
export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

const WAIT_MS = 60_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One run of the command line, with what it printed. */
export class CliProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;
  stdout = '';
  stderr = '';
  #wake: () => void = () => undefined;

  constructor(
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; command?: string; cwd?: string } = {},
  ) {
    const [command, ...rest] =
      options.command === undefined ? [process.execPath, MAIN, ...args] : [options.command, ...args];
    // A registration service named in the environment of whoever runs the tests is none of ours.
    const env = { ...process.env, KIST_RELAY_REGISTRATION: '', ...options.env };
    this.child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: options.cwd });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#add('stdout', text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#add('stderr', text));
    this.exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal });
        this.#wake();
      });
    });
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first match of `pattern` in standard output, waited for; an error with all output when it never comes. */
  async match(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpMatchArray> {
    const giveUp = Date.now() + WAIT_MS;
    for (;;) {
      const found = this[stream].match(pattern);
      if (found !== null) return found;
      if (!this.isRunning || Date.now() > giveUp)
        throw new Error(`no ${pattern} in ${stream}:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.isRunning) this.child.kill(signal);
    return this.exit;
  }

  /** For `after` hooks: nothing stays behind, whatever failed. */
  async destroy(): Promise<void> {
    if (this.isRunning) this.child.kill('SIGKILL');
    await this.exit;
  }

  #add(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.#wake();
  }
}

/** Runs a command line to its end. */
export async function runCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CliProcess & { code: number | null }> {
  const process = new CliProcess(args, { env });
  const { code } = await process.exit;
  return Object.assign(process, { code });
}

/** A registration service in a process of its own, on any free port. */
export async function startRegistration(): Promise<{ service: CliProcess; address: string }> {
  const service = new CliProcess(['registration', '--port', '0']);
  const [, address = ''] = await service.match(/up on (127\.0\.0\.1:\d+) \(UDP\)/);
  return { service, address };
}
