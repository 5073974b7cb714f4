import { join } from 'node:path';
import { formatTime, parseTime } from '../directory/text-codec.js';
import { readIfPresent, writeAtomically } from './key-directory.js';

/** A state file with years of bandwidth history is far smaller (bytes). */
const MAX_STATE_BYTES = 4 * 1024 * 1024;

/**
 * The file `state` of a data directory: lines of a key and a value. Lines with keys unknown here are kept in their
 * order, so that an operator can go back to another relay program with its history.
 */
export class StateFile {
  readonly #path: string;
  #lines: string[];

  private constructor(path: string, lines: string[]) {
    this.#path = path;
    this.#lines = lines;
  }

  /** Reads the state; an absent file is an empty one. */
  static open(dataDirectory: string): StateFile {
    const path = join(dataDirectory, 'state');
    const text = readIfPresent(path, MAX_STATE_BYTES)?.toString('utf8') ?? '';
    return new StateFile(
      path,
      text.split('\n').filter((line) => line !== ''),
    );
  }

  get(key: string): string | undefined {
    return this.#lines.find((line) => keyOf(line) === key)?.slice(key.length + 1);
  }

  /** The time under the key; undefined when it is absent or malformed. */
  getTime(key: string): Date | undefined {
    return parseTime(this.get(key) ?? '');
  }

  set(key: string, value: string): void {
    const line = `${key} ${value}`;
    const index = this.#lines.findIndex((other) => keyOf(other) === key);
    if (index < 0) this.#lines.push(line);
    else this.#lines[index] = line;
  }

  setTime(key: string, time: Date): void {
    this.set(key, formatTime(time));
  }

  /** Writes all of it to disk. */
  save(): void {
    writeAtomically(this.#path, this.#lines.map((line) => `${line}\n`).join(''));
  }
}

function keyOf(line: string): string {
  return line.split(' ', 1)[0] ?? '';
}
