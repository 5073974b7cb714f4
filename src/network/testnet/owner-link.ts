import type { Duplex } from 'node:stream';
import { KistError, closedError } from '../../util/errors.js';

interface Waiting {
  readonly resolve: (lines: string[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The control connection that a tor process inherits from us (`__OwningControllerFD`): authenticated from the start,
 * and when it closes, for whatever reason and be it our own violent end, tor exits at once.
 *
 * Replies come in the order of the commands (control-spec 2.3); events are not asked for.
 */
export class OwnerLink {
  readonly #socket: Duplex;
  readonly #waiting: Waiting[] = [];
  #text = '';
  #reply: string[] = [];
  #isData = false;
  #isClosed = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
  }

  /** The reply's lines without their codes; a refusal is a KistError `ERR_KIST_TOR_CONTROL`. */
  ask(command: string): Promise<string[]> {
    if (this.#isClosed) return Promise.reject(closedError('the control connection'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${command}\r\n`);
    });
  }

  /** The value of one GETINFO key. */
  async info(key: string): Promise<string> {
    const lines = await this.ask(`GETINFO ${key}`);
    return lines.slice(0, -1).join('\n').slice(`${key}=`.length).trim();
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  #take(text: string): void {
    const lines = (this.#text + text).split('\r\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line);
  }

  #takeLine(line: string): void {
    if (this.#isData) {
      if (line === '.') this.#isData = false;
      else this.#reply.push(line.startsWith('..') ? line.slice(1) : line);
      return;
    }
    this.#reply.push(line.slice(4));
    if (line[3] === '+') this.#isData = true;
    if (line[3] !== ' ') return;
    const reply = this.#reply;
    this.#reply = [];
    const waiting = this.#waiting.shift();
    if (line.startsWith('250')) waiting?.resolve(reply);
    else waiting?.reject(new KistError('ERR_KIST_TOR_CONTROL', `tor refused: ${line}`, 'peer'));
  }

  #end(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(closedError('the control connection'));
  }
}
