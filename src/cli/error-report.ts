import { codeOf, messageOf } from '../util/errors.js';
import { exitCodeOf } from './exit-codes.js';
import type { Sink } from './output.js';

/** One line that says what went wrong, with its code; as a JSON line for programs. Gives the exit code. */
export function reportError(error: unknown, json: boolean, sink: Sink): number {
  const exitCode = exitCodeOf(error);
  const code = codeOf(error) ?? 'ERR_KIST_UNEXPECTED';
  const message = messageOf(error)
    .trim()
    .replace(/\s*\n\s*/g, ' ');
  const isBug = !(error instanceof Error) || codeOf(error) === undefined;
  if (json) sink.write(`${JSON.stringify({ event: 'error', code, message, exitCode })}\n`);
  else sink.write(`kist-relay: ${message} [${code}]\n`);
  // Without a code it is a fault of ours: the stack is what a report needs.
  if (isBug && !json && error instanceof Error) sink.write(`${error.stack ?? ''}\n`);
  return exitCode;
}
