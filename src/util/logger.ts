import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';

/**
 * Log levels say what the reader should do: `error`, something is broken and stays so; `warn`, look at it
 * soon; `info`, a change an operator wants to know of; `debug`, for developers. Nothing logs once per cell.
 */
export type Logger = PinoLogger;
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
export const LOG_LEVELS: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug', 'trace'];

/** A logger that writes JSON lines to `destination` (standard error by default). */
export function createLogger(level: LogLevel = 'info', destination?: DestinationStream): Logger {
  return pino({ level, base: null }, destination ?? pino.destination({ dest: 2, sync: true }));
}

/** A logger that says nothing: the default of library objects. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
