import { unescapeQuoted } from './quoted.js';
import { TorrcError } from './torrc-error.js';
import type { Position } from './torrc-error.js';

/** What a line does: sets its option, appends to a list (`+Name`), or clears it (`/Name`). */
export type LineCommand = 'set' | 'append' | 'clear';

/** One `Name value` of a torrc or of a command line, as written. */
export interface TorrcLine {
  readonly name: string;
  readonly value: string;
  readonly command: LineCommand;
  readonly position: Position;
}

const SPACE = /[ \t\n\r\v\f]/;
const NAME_END = /[ \t\n\r\v\f#]/;

/** Splits `+Name`, `/Name` and `Name`. Clearing takes no value. */
export function makeLine(written: string, value: string, position: Position): TorrcLine {
  if (written.startsWith('+')) return { name: written.slice(1), value, command: 'append', position };
  if (written.startsWith('/')) return { name: written.slice(1), value: '', command: 'clear', position };
  return { name: written, value, command: 'set', position };
}

/** Reads one file's text line by line; continuations and comments are C tor's (its doc torrc_format.txt). */
class Scanner {
  readonly #text: string;
  readonly #file: string;
  #at = 0;
  #line = 1;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  *lines(): Generator<TorrcLine> {
    for (;;) {
      this.#skipBlank();
      if (this.#at >= this.#text.length) return;
      const position = { file: this.#file, line: this.#line };
      const name = this.#takeName();
      this.#skipWhile((char) => char === ' ' || char === '\t');
      const value = this.#peek() === '"' ? this.#takeQuoted(position) : this.#takePlain();
      yield makeLine(name, value, position);
    }
  }

  #peek(ahead = 0): string {
    return this.#text[this.#at + ahead] ?? '';
  }

  #step(count = 1): void {
    for (let i = 0; i < count; i += 1) {
      if (this.#peek() === '\n') this.#line += 1;
      this.#at += 1;
    }
  }

  #skipWhile(test: (char: string) => boolean): void {
    while (this.#at < this.#text.length && test(this.#peek())) this.#step();
  }

  #skipBlank(): void {
    for (;;) {
      this.#skipWhile((char) => SPACE.test(char));
      if (this.#peek() !== '#') return;
      this.#skipWhile((char) => char !== '\n');
    }
  }

  #isContinuation(): boolean {
    return this.#peek() === '\\' && this.#peek(1) === '\n';
  }

  #takeName(): string {
    const start = this.#at;
    while (this.#at < this.#text.length && !NAME_END.test(this.#peek()) && !this.#isContinuation())
      this.#step();
    return this.#text.slice(start, this.#at);
  }

  #takeQuoted(position: Position): string {
    const quoted = unescapeQuoted(this.#text, this.#at);
    if (quoted === undefined) throw new TorrcError('Invalid escape sequence in quoted string', position);
    this.#step(quoted.end - this.#at);
    this.#skipWhile((char) => char === ' ' || char === '\t' || char === '\r');
    const next = this.#peek();
    if (next !== '' && next !== '#' && next !== '\n')
      throw new TorrcError('Excess data after quoted string', position);
    // A NUL would end the string in C.
    return quoted.value.split('\0', 1)[0] ?? '';
  }

  /** Up to the end of the line. Within a continued value a comment takes its whole line away. */
  #takePlain(): string {
    let value = '';
    let isContinued = false;
    while (this.#at < this.#text.length && this.#peek() !== '\n') {
      if (this.#isContinuation()) {
        isContinued = true;
        this.#step(2);
      } else if (this.#peek() === '#') {
        if (!isContinued) break;
        this.#skipWhile((char) => char !== '\n');
        this.#step();
      } else {
        value += this.#peek();
        this.#step();
      }
    }
    return value.replace(/[ \t\n\r\v\f]+$/, '');
  }
}

/** Every `Name value` of a torrc's text, `%include` among them. A NUL byte ends it, as in C. */
export function scanLines(text: string, file: string): TorrcLine[] {
  const end = text.indexOf('\0');
  return [...new Scanner(end === -1 ? text : text.slice(0, end), file).lines()];
}
