import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import pretty from 'pino-pretty';
import { configFromFlags } from '../config/index.js';
import type { Flags, RelayConfig } from '../config/index.js';
import { createLogger } from '../util/logger.js';
import type { LogLevel, Logger } from '../util/logger.js';
import { Output } from './output.js';
import { StopSignal } from './stop-signal.js';

/** What every command works with. */
export interface CommandContext {
  readonly config: RelayConfig;
  readonly output: Output;
  readonly logger: Logger;
  readonly stop: StopSignal;
}

/** JSON lines on standard error; on a terminal, readable ones that do not tear the status line. */
function makeLogger(level: LogLevel, output: Output): Logger {
  if (!process.stderr.isTTY || output.json) return createLogger(level);
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output.clearStatus();
      process.stderr.write(chunk);
      done();
    },
  });
  return createLogger(level, pretty({ colorize: true, singleLine: true, destination }));
}

/** Reads the flags (usage errors are thrown), sets up output, logging and signals, and passes warnings on. */
export function makeContext(flags: Flags): CommandContext {
  const { config, warnings } = configFromFlags(flags, process.env);
  const output = new Output(process.stdout, config.json);
  const logger = makeLogger(config.logLevel, output);
  for (const warning of warnings) logger.warn(warning);
  return { config, output, logger, stop: new StopSignal() };
}

/** The version in package.json, which lies three folders above the compiled file. */
export function productVersion(): string {
  const path = new URL('../../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return version;
}
