import { KistError } from '../../util/errors.js';

/** Where a line of the configuration stands. A line of the command line has no number. */
export interface Position {
  readonly file: string;
  /** From 1; 0 where there are no lines. */
  readonly line: number;
}

export function showPosition({ file, line }: Position): string {
  return line === 0 ? file : `${file}:${line}`;
}

/** A configuration that cannot be used. `code` is `ERR_KIST_TORRC`; `reason` is the message without the place. */
export class TorrcError extends KistError {
  readonly reason: string;
  readonly position: Position | undefined;

  constructor(reason: string, position?: Position) {
    const place = position === undefined ? '' : ` (${showPosition(position)})`;
    super('ERR_KIST_TORRC', `${reason}${place}`, 'operator');
    this.name = 'TorrcError';
    this.reason = reason;
    this.position = position;
  }
}
