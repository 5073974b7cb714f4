import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.js';
import { KistError, codeOf } from '../../util/errors.js';
import { OwnerLink } from './owner-link.js';

/** How long a process may take over its end before it is killed. */
const STOP_MS = 3000;
const TAIL_LINES = 15;

export interface TorProcessInit {
  readonly name: string;
  readonly tor: string;
  /** Where its torrc, log and data are; exists already. */
  readonly folder: string;
  readonly torrc: readonly string[];
  readonly clock: Clock;
  /** The process ended although nobody stopped it. */
  readonly onLost: (error: KistError) => void;
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}

/**
 * One child process of Debian's tor with files of its own. It ends with us, however we end: its owner link breaks then,
 * and tor exits.
 */
export class TorProcess {
  readonly name: string;
  readonly link: OwnerLink;
  readonly #init: TorProcessInit;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #isStopping = false;

  private constructor(init: TorProcessInit, child: ChildProcess) {
    this.name = init.name;
    this.#init = init;
    this.#child = child;
    this.link = new OwnerLink(child.stdio[3] as Duplex);
    this.#ended = new Promise((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    void this.#ended.then(() => this.#onEnd());
  }

  /** Resolves when tor answers on its owner link: configuration read, ports open. */
  static async start(init: TorProcessInit): Promise<TorProcess> {
    const torrc = join(init.folder, 'torrc');
    const defaults = join(init.folder, 'torrc-defaults');
    await writeFile(torrc, `${init.torrc.join('\n')}\n`);
    await writeFile(defaults, '');
    const log = await open(join(init.folder, 'tor.log'), 'a');
    try {
      const args = ['-f', torrc, '--defaults-torrc', defaults, '__OwningControllerFD', '3'];
      const child = spawn(init.tor, args, {
        cwd: init.folder,
        stdio: ['ignore', log.fd, log.fd, 'pipe'],
        // A session of its own: Ctrl-C in a terminal is for us, and we end the network in order.
        detached: true,
      });
      const started = new TorProcess(init, child);
      await started.#awaitReady();
      return started;
    } finally {
      await log.close();
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Everything it logged and printed so far. */
  async log(): Promise<string> {
    return await readFile(join(this.#init.folder, 'tor.log'), 'utf8').catch(() => '');
  }

  /** Ends it: at once for a relay too, its circuits are torn down. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (!this.isRunning) return;
    this.#child.kill('SIGTERM');
    const timer = this.#init.clock.setTimeout(() => this.kill(), STOP_MS);
    await this.#ended;
    timer.cancel();
    this.link.close();
  }

  /** For the very end of this process, where nothing can be waited for. */
  kill(): void {
    this.#isStopping = true;
    if (this.isRunning) this.#child.kill('SIGKILL');
  }

  async #awaitReady(): Promise<void> {
    try {
      await this.link.info('version');
    } catch (error) {
      this.#isStopping = true;
      await this.#ended;
      const said = lastLines(await this.log());
      const message = `${this.name} did not start: ${codeOf(error) === 'ERR_KIST_CLOSED' ? said : String(error)}`;
      throw new KistError('ERR_KIST_TOR_START', message, 'system', error);
    }
  }

  async #onEnd(): Promise<void> {
    this.link.close();
    if (this.#isStopping) return;
    const { exitCode, signalCode } = this.#child;
    const how = signalCode ?? `status ${exitCode ?? 'unknown'}`;
    const message = `${this.name} ended by itself (${how}); its last lines:\n${lastLines(await this.log())}`;
    this.#init.onLost(new KistError('ERR_KIST_TOR_LOST', message, 'system'));
  }
}
