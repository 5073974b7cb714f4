import type { WriteStream } from 'node:tty';

/** Standard output or error: a terminal, a pipe or a file. */
export type Sink = Pick<WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

/**
 * What a command tells. For people: plain lines, and on a terminal one status line that is rewritten in place. For
 * programs (`json`): one JSON object a line, named by `event`, and no status line.
 */
export class Output {
  readonly #out: Sink;
  readonly json: boolean;
  #hasStatus = false;

  constructor(out: Sink, json: boolean) {
    this.#out = out;
    this.json = json;
  }

  get isTerminal(): boolean {
    return !this.json && this.#out.isTTY === true;
  }

  /** How many characters fit into the status line. A terminal that does not know its width says 0. */
  get width(): number {
    const columns = this.#out.columns ?? 0;
    return (columns > 0 ? columns : 80) - 1;
  }

  /** One happening: `text` for people (none: nothing to see), `event` and `fields` for programs. */
  tell(event: string, fields: object, text?: string): void {
    if (this.json) this.#out.write(`${JSON.stringify({ event, ...fields })}\n`);
    else if (text !== undefined) this.line(text);
  }

  /** A line for people only. */
  line(text: string): void {
    if (this.json) return;
    this.clearStatus();
    this.#out.write(`${text}\n`);
  }

  /** A stop that may take a moment has begun. */
  stopping(): void {
    this.tell('stopping', {}, 'Stopping; a second signal ends it at once.');
  }

  /** Rewrites the status line; nothing where there is no terminal. */
  status(text: string): void {
    if (!this.isTerminal) return;
    this.#out.write(`\r\x1b[K${text.slice(0, this.width)}`);
    this.#hasStatus = true;
  }

  /** To be called before anything else writes to the same terminal. */
  clearStatus(): void {
    if (this.#hasStatus) this.#out.write('\r\x1b[K');
    this.#hasStatus = false;
  }
}

/** A reader that went away (`| head -1`) or a full disk is no reason for a relay to stop or to crash. */
export function ignoreWriteErrors(streams: readonly NodeJS.WriteStream[]): void {
  for (const stream of streams) stream.on('error', () => undefined);
}
