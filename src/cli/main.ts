#!/usr/bin/env node
/**
 * The command line: `tor61` (a Tor61 relay with its proxy), `registration` (a network's directory), `network` (a whole
 * network in one process). Each command is one file, added in `program.ts`; exit codes are in `exit-codes.ts`.
 *
 * A command is starting -> running -> stopping (first signal) -> gone; a second signal ends it at once. Results go to
 * standard output as plain lines (or JSON lines), logs and errors to standard error. Nothing here knows cells.
 */
import { systemClock } from '../util/clock.js';
import { reportError } from './error-report.js';
import { ignoreWriteErrors } from './output.js';
import { runProgram } from './program.js';

/** What a stopped command may still hold open is let go after this long. */
const LINGER_MS = 2000;

async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json');
  try {
    await runProgram(argv);
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    return reportError(error, json, process.stderr);
  }
}

ignoreWriteErrors([process.stdout, process.stderr]);
process.exitCode = await main(process.argv.slice(2));
systemClock.setTimeout(() => process.exit(), LINGER_MS);
