import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { messageOf } from '../util/errors.js';

/** The file that tells the process's number (torrc's PidFile). Failures are told, and no reason to stop. */
export class PidFile {
  readonly #path: string;
  readonly #warn: (text: string) => void;

  constructor(path: string, warn: (text: string) => void) {
    this.#path = path;
    this.#warn = warn;
    try {
      writeFileSync(path, `${process.pid}\n`, { mode: 0o644 });
    } catch (error) {
      warn(`Unable to write PidFile ${path}: ${messageOf(error)}`);
    }
  }

  /** Removes it, if it is still about this process. */
  close(): void {
    try {
      if (readFileSync(this.#path, 'utf8').trim() === String(process.pid)) unlinkSync(this.#path);
    } catch (error) {
      this.#warn(`Unable to remove PidFile ${this.#path}: ${messageOf(error)}`);
    }
  }
}
