import { closeSync, openSync, writeSync } from 'node:fs';
import type { LogTarget, TorLogLevel } from '../config/torrc/index.js';
import { formatLogLine, formatStamp, oneLine } from './tor-log-line.js';
import type { Sink } from './output.js';

/** Sends one datagram to a Unix socket: what Node itself cannot. False when it did not go. */
export type DatagramSender = (path: string, bytes: Uint8Array) => boolean;

/** Where one `Log` line's messages go. */
export interface LogSink {
  write(date: Date, level: TorLogLevel, text: string): void;
  close(): void;
}

/** What sinks need of the process. */
export interface LogOutlets {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sendDatagram?: DatagramSender | undefined;
}

function streamSink(stream: Sink, granularityMs: number): LogSink {
  return {
    write: (date, level, text) => void stream.write(formatLogLine(date, granularityMs, level, text)),
    close: () => undefined,
  };
}

/** Appends; a full disk loses lines, not the relay. Throws what the system says when it cannot be opened. */
function fileSink(path: string, granularityMs: number, truncates: boolean): LogSink {
  const file = openSync(path, truncates ? 'w' : 'a', 0o640);
  return {
    write(date, level, text) {
      try {
        writeSync(file, formatLogLine(date, granularityMs, level, text));
      } catch {
        // Nowhere to tell it.
      }
    },
    close: () => closeSync(file),
  };
}

const SYSLOG_SOCKET = '/dev/log';
/** RFC 5424, table 2; C tor uses the facility daemon (3). */
const SEVERITIES: Readonly<Record<TorLogLevel, number>> = { err: 3, warn: 4, notice: 5, info: 6, debug: 7 };
const DAEMON = 3;

/**
 * syslog through its socket where datagrams can be sent; else standard error, which a service manager takes into the
 * same journal, with its mark for the level.
 */
function syslogSink({ stderr, env, sendDatagram }: LogOutlets, tag: string | undefined): LogSink {
  const identity = `${tag === undefined ? 'Tor' : `Tor-${tag}`}[${process.pid}]`;
  const hasJournal = env.JOURNAL_STREAM !== undefined;
  return {
    write(date, level, text) {
      const priority = DAEMON * 8 + SEVERITIES[level];
      const stamp = formatStamp(date, 1000)
        .replace(/^(\w+) 0/, '$1  ')
        .replace(/\.\d+$/, '');
      const line = `<${priority}>${stamp} ${identity}: ${oneLine(text)}`;
      if (sendDatagram?.(SYSLOG_SOCKET, Buffer.from(line)) === true) return;
      if (hasJournal) stderr.write(`<${SEVERITIES[level]}>${oneLine(text)}\n`);
      else stderr.write(formatLogLine(date, 1000, level, text));
    },
    close: () => undefined,
  };
}

export interface SinkOptions {
  readonly granularityMs: number;
  readonly truncates: boolean;
  readonly syslogIdentityTag: string | undefined;
}

export function openSink(target: LogTarget, options: SinkOptions, outlets: LogOutlets): LogSink {
  switch (target.kind) {
    case 'file':
      return fileSink(target.path, options.granularityMs, options.truncates);
    case 'stdout':
      return streamSink(outlets.stdout, options.granularityMs);
    case 'stderr':
      return streamSink(outlets.stderr, options.granularityMs);
    case 'syslog':
      return syslogSink(outlets, options.syslogIdentityTag);
  }
}
