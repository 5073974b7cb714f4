import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { repository } from '../../support/house-source.js';

const PYTHON = '/usr/bin/python3';
const SCRIPT = join(repository, 'test/integration/tor/driver.py');
const ANSWER_MS = 90_000;
const EVENT_MS = 10_000;

/** What tor reports of a circuit or stream without being asked; fields as in driver.py. */
export interface DriverEvent {
  readonly event: 'circuit' | 'stream';
  readonly status: string;
  readonly circuit: string | null;
  readonly stream?: string;
  readonly target?: string;
  readonly reason: string | null;
  readonly remoteReason: string | null;
}

interface Answer {
  readonly id: number;
  readonly ok: boolean;
  readonly circuit?: string;
  readonly value?: string;
  readonly error?: string;
  readonly reason?: string | null;
  readonly remoteReason?: string | null;
}

/** A request that tor refused or a circuit that failed: `reason` and `remoteReason` are tor's words for it. */
export class DriverError extends Error {
  readonly reason: string | undefined;
  readonly remoteReason: string | undefined;

  constructor({ error = 'failed', reason, remoteReason }: Answer) {
    super(`${error} (reason ${reason ?? 'none'}, remote reason ${remoteReason ?? 'none'})`);
    this.reason = reason ?? undefined;
    this.remoteReason = remoteReason ?? undefined;
  }
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Whether the driver can run here; if not, the words for the skipped test. */
export function driverMissing(): string | undefined {
  const found = spawnSync(PYTHON, ['-c', 'import stem.control'], { stdio: 'ignore' });
  return found.status === 0 ? undefined : 'skipped: needs python3-stem';
}

/**
 * One tor client under control: circuits through named relays only, streams only where a SOCKS user name puts them
 * (`circuit-5`). Ends with this process, since its standard input does.
 */
export class TorDriver {
  readonly events: DriverEvent[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed: Promise<void>;
  readonly #ready: Promise<void>;
  #setReady: () => void = () => undefined;
  #stderr = '';
  #nextId = 1;

  private constructor(controlPort: number) {
    this.#child = spawn(PYTHON, ['-B', SCRIPT, '--port', String(controlPort)]);
    this.#ready = new Promise((resolve) => (this.#setReady = resolve));
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    void this.#closed.then(() => this.#failAll());
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    const { stdout } = this.#child;
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#take(line));
  }

  static async start(controlPort: number): Promise<TorDriver> {
    const driver = new TorDriver(controlPort);
    await Promise.race([
      driver.#ready,
      driver.#closed.then(() => Promise.reject(new Error(`the driver ended: ${driver.#stderr.trim()}`))),
    ]);
    return driver;
  }

  /** A circuit through relays named by fingerprint; resolves with its name when it is built. */
  async build(path: readonly string[]): Promise<string> {
    const { circuit } = await this.#ask({ op: 'build', path });
    if (circuit === undefined) throw new Error('the driver named no circuit');
    return circuit;
  }

  async closeCircuit(circuit: string): Promise<void> {
    await this.#ask({ op: 'close', circuit });
  }

  /** The value of a GETINFO key. */
  async info(key: string): Promise<string> {
    return (await this.#ask({ op: 'info', key })).value ?? '';
  }

  /** Changes torrc options of the running client. */
  async set(values: Readonly<Record<string, string>>): Promise<void> {
    await this.#ask({ op: 'set', values });
  }

  /** The first event, past or to come, for which `isIt` says yes. */
  async event(what: string, isIt: (event: DriverEvent) => boolean): Promise<DriverEvent> {
    const end = performance.now() + EVENT_MS;
    for (;;) {
      const found = this.events.find((event) => isIt(event));
      if (found !== undefined) return found;
      if (performance.now() > end) throw new Error(`tor reported no ${what}: ${JSON.stringify(this.events)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Why a stream of this circuit was refused where the circuit ends: tor's name of the END reason. */
  async refusal(circuit: string): Promise<string | null> {
    const isIt = ({ event, reason, circuit: its }: DriverEvent): boolean =>
      event === 'stream' && reason === 'END' && its === circuit;
    return (await this.event(`END on circuit ${circuit}`, isIt)).remoteReason;
  }

  /** What tor reported of one circuit and its streams. */
  eventsOf(circuit: string): DriverEvent[] {
    return this.events.filter((event) => event.circuit === circuit);
  }

  async close(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000);
    await this.#closed;
    clearTimeout(timer);
  }

  async #ask(request: object): Promise<Answer> {
    const id = this.#nextId++;
    const answered = new Promise<Answer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(new Error(`no answer to ${JSON.stringify(request)}\n${this.#stderr}`));
    }, ANSWER_MS);
    this.#child.stdin?.write(`${JSON.stringify({ id, ...request })}\n`);
    try {
      const answer = await answered;
      if (!answer.ok) throw new DriverError(answer);
      return answer;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #take(line: string): void {
    const message = JSON.parse(line) as Answer | DriverEvent | { readonly event: 'ready' };
    if ('id' in message) this.#waiting.get(message.id)?.resolve(message);
    else if (message.event === 'ready') this.#setReady();
    else this.events.push(message);
  }

  #failAll(): void {
    for (const { reject } of this.#waiting.values())
      reject(new Error(`the driver ended: ${this.#stderr.trim()}`));
  }
}
