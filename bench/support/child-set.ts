import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A line of JSON that a bench program wrote. */
export interface BenchEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

interface Waiting {
  readonly event: string;
  resolve(event: BenchEvent): void;
  reject(error: Error): void;
}

const ANSWER_MS = 30_000;
const END_MS = 3000;

/**
 * A program that takes commands as lines on its standard input and answers with lines of JSON. The end of its input
 * ends it, so it does not outlive this process. Every wait has a deadline.
 */
export class BenchChild {
  readonly #process: ChildProcess;
  readonly #what: string;
  readonly #came: BenchEvent[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #gone: Promise<void>;
  #stderr = '';
  #isGone = false;

  constructor(command: string, args: readonly string[], onGone: (child: BenchChild) => void) {
    this.#what = [command, ...args].join(' ').slice(0, 200);
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stdin?.on('error', () => undefined);
    this.#process.stderr?.on('data', (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(-4000);
    });
    if (this.#process.stdout !== null) {
      createInterface({ input: this.#process.stdout }).on('line', (line) => this.#onLine(line));
    }
    this.#gone = new Promise((resolve) => {
      const end = (why: string): void => {
        if (this.#isGone) return;
        this.#isGone = true;
        const error = new Error(`${this.#what}: ${why} ${this.#stderr.trim()}`);
        for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
        onGone(this);
        resolve();
      };
      this.#process.on('error', (error) => end(error.message));
      this.#process.on('close', (code, signal) => end(`ended (${signal ?? `exit code ${code}`})`));
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The first event of this name that was not taken yet. Rejects when the program ends or the time is over. */
  next(event: string, ms = ANSWER_MS): Promise<BenchEvent> {
    const at = this.#came.findIndex((candidate) => candidate.event === event);
    const known = at < 0 ? undefined : this.#came.splice(at, 1)[0];
    if (known !== undefined) return Promise.resolve(known);
    if (this.#isGone) return Promise.reject(new Error(`${this.#what}: has ended ${this.#stderr.trim()}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new Error(`${this.#what}: no '${event}' within ${ms} ms ${this.#stderr.trim()}`));
      }, ms);
      const settle =
        <T>(act: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          act(value);
        };
      const waiting: Waiting = { event, resolve: settle(resolve), reject: settle(reject) };
      this.#waiting.push(waiting);
    });
  }

  tell(command: string): void {
    this.#process.stdin?.write(`${command}\n`);
  }

  ask(command: string, event = command, ms = ANSWER_MS): Promise<BenchEvent> {
    const answer = this.next(event, ms);
    this.tell(command);
    return answer;
  }

  /** Ends the program: asked first, killed when it does not listen. Idempotent. */
  async end(): Promise<void> {
    if (this.#isGone) return;
    this.#process.stdin?.end();
    const timer = setTimeout(() => this.kill(), END_MS);
    await this.#gone;
    clearTimeout(timer);
  }

  kill(): void {
    if (!this.#isGone) this.#process.kill('SIGKILL');
  }

  #onLine(line: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch {
      return; // Not for us: a program may talk.
    }
    if (typeof parsed !== 'object' || parsed === null || !('event' in parsed)) return;
    const event = parsed as BenchEvent;
    const at = this.#waiting.findIndex((waiting) => waiting.event === event.event);
    const waiting = at < 0 ? undefined : this.#waiting.splice(at, 1)[0];
    if (waiting === undefined) this.#came.push(event);
    else waiting.resolve(event);
  }
}

/** All programs of a run of benches; whatever ends the run ends them. */
export class ChildSet {
  readonly #children = new Set<BenchChild>();

  constructor() {
    process.on('exit', () => this.killAll());
  }

  /** `wrap`: a command and its arguments that run another one, such as `ip netns exec NAME`. */
  start(command: string, args: readonly string[], wrap: readonly string[] = []): BenchChild {
    const [first, ...rest] = [...wrap, command, ...args];
    const child = new BenchChild(first ?? command, rest, (gone) => this.#children.delete(gone));
    this.#children.add(child);
    return child;
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.end()));
  }

  killAll(): void {
    for (const child of this.#children) child.kill();
  }
}
