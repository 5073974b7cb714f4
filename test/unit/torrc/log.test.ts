import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatLogLine, formatStamp, readLoggerLine } from '../../../src/cli/tor-log-line.js';
import { TorLog } from '../../../src/cli/tor-log.js';
import { formatBytes, formatUptime, heartbeatLines } from '../../../src/cli/heartbeat.js';
import { loadTorrc } from '../../../src/config/torrc/index.js';
import { ManualClock } from '../../../src/util/clock.js';
import { IDLE } from './fake-relay.js';
import { memoryFiles } from './memory-files.js';

const DATE = new Date(2026, 10, 5, 2, 38, 48, 987);

test('a stamp is local time without a year, rounded down', () => {
  assert.equal(formatStamp(DATE, 1000), 'Nov 05 02:38:48.000');
  assert.equal(formatStamp(DATE, 1), 'Nov 05 02:38:48.987');
  assert.equal(formatStamp(DATE, 100), 'Nov 05 02:38:48.900');
});

test('a line stays one line, with nothing that moves a cursor', () => {
  assert.equal(
    formatLogLine(DATE, 1000, 'warn', ' first\n   second\t\x1b[2J '),
    'Nov 05 02:38:48.000 [warn] first; second\\x09\\x1b[2J\n',
  );
});

test("our logger's lines become C tor's", () => {
  assert.deepEqual(readLoggerLine('{"level":30,"time":1,"msg":"up","port":9001,"host":"a"}'), {
    level: 'notice',
    text: 'up (port=9001, host=a)',
  });
  assert.deepEqual(
    readLoggerLine('{"level":50,"time":1,"err":{"message":"bad","stack":"..."},"msg":"failed"}'),
    {
      level: 'err',
      text: 'failed (err=bad)',
    },
  );
  const levels = [10, 20, 30, 40, 50, 60].map((level) => readLoggerLine(`{"level":${level},"msg":""}`).level);
  assert.deepEqual(levels, ['debug', 'info', 'notice', 'warn', 'err', 'err']);
});

interface Written {
  text: string;
}

function outlets(env: Record<string, string> = {}) {
  const stdout: Written & { write(text: string): boolean } = {
    text: '',
    write(text) {
      this.text += text;
      return true;
    },
  };
  const stderr = { ...stdout };
  return { stdout, stderr, env };
}

function logging(lines: string) {
  return loadTorrc({ text: `ORPort 1\n${lines}`, files: memoryFiles({}) }).config;
}

test('levels go where the Log lines send them', () => {
  const out = outlets();
  const log = new TorLog({ clock: new ManualClock(), outlets: out });
  log.configure(logging('Log debug-info stdout\nLog warn stderr'));
  log.notice('nowhere');
  log.log('info', 'out');
  log.warn('error');
  assert.match(out.stdout.text, /^\w+ \d\d [\d:]+\.000 \[info\] out\n$/);
  assert.match(out.stderr.text, /\[warn\] error\n$/);
});

test('without Log lines: notice on standard output, less with --hush, none with --quiet or for a daemon', () => {
  const seen = (quiet: 0 | 1 | 2, lines: string): string[] => {
    const out = outlets();
    const log = new TorLog({ clock: new ManualClock(), outlets: out, quiet });
    log.configure(logging(lines));
    for (const level of ['info', 'notice', 'warn'] as const) log.log(level, level);
    return [...out.stdout.text.matchAll(/\[(\w+)\]/g)].map(([, level = '']) => level);
  };
  assert.deepEqual(seen(0, ''), ['notice', 'warn']);
  assert.deepEqual(seen(1, ''), ['warn']);
  assert.deepEqual(seen(2, ''), []);
  assert.deepEqual(seen(0, 'RunAsDaemon 1'), []);
});

test('a log file can be rotated: it is opened again, with the mode 0640', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kist-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'relay.log');
  const config = logging(`Log notice file ${path}`);
  const log = new TorLog({ clock: new ManualClock(), outlets: outlets() });
  log.configure(config);
  log.notice('one');
  renameSync(path, `${path}.1`);
  log.notice('two');
  log.configure(config);
  log.notice('three');
  log.close();
  const words = (file: string): string[] =>
    [...readFileSync(file, 'utf8').matchAll(/\] (\w+)/g)].map(([, word = '']) => word);
  assert.deepEqual(words(`${path}.1`), ['one', 'two']);
  assert.deepEqual(words(path), ['three']);
  assert.equal(statSync(path).mode & 0o777 & ~0o640, 0);
});

test('TruncateLogFile empties a file at the start, not at a reload', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kist-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'relay.log');
  const config = logging(`TruncateLogFile 1\nLog notice file ${path}`);
  for (const word of ['first', 'second']) {
    const log = new TorLog({ clock: new ManualClock(), outlets: outlets() });
    log.configure(config);
    log.notice(word);
    log.configure(config);
    log.notice('again');
    log.close();
  }
  assert.equal(
    readFileSync(path, 'utf8')
      .match(/second|first|again/g)
      ?.join(),
    'second,again',
  );
});

test('a file that cannot be opened leaves the log as it was', () => {
  const out = outlets();
  const log = new TorLog({ clock: new ManualClock(), outlets: out });
  assert.throws(() => log.configure(logging('Log notice file /nowhere/at/all')), {
    name: 'TorrcError',
    message: /Couldn't open file for 'Log notice file \/nowhere\/at\/all': ENOENT/,
  });
  log.notice('still here');
  assert.match(out.stdout.text, /still here/);
});

test('syslog goes to its socket where datagrams can be sent, else to the journal, else to standard error', () => {
  const sent: string[] = [];
  const sendDatagram = (path: string, bytes: Uint8Array): boolean =>
    sent.push(`${path} ${Buffer.from(bytes).toString()}`) > 0;
  const write = (out: ReturnType<typeof outlets>, sender?: typeof sendDatagram): void => {
    const all = sender === undefined ? out : { ...out, sendDatagram: sender };
    const log = new TorLog({ clock: new ManualClock(), outlets: all });
    log.configure(logging('SyslogIdentityTag one\nLog notice syslog'));
    log.warn('x\ny');
  };
  write(outlets(), sendDatagram);
  assert.match(sent[0] ?? '', /^\/dev\/log <28>\w+ [ \d]\d [\d:]{8} Tor-one\[\d+\]: x; y$/);
  const journal = outlets({ JOURNAL_STREAM: '8:1' });
  write(journal);
  assert.equal(journal.stderr.text, '<4>x; y\n');
  const plain = outlets();
  write(plain);
  assert.match(plain.stderr.text, /\[warn\] x; y\n$/);
});

test('times and sizes are written as C tor does', () => {
  assert.deepEqual([0, 3599, 86_400, 3 * 86_400 + 4 * 3600 + 60].map(formatUptime), [
    '0:00 hours',
    '0:59 hours',
    '1 day 0:00 hours',
    '3 days 4:01 hours',
  ]);
  assert.deepEqual([0, 1_048_575, 1_572_864, 2 ** 31].map(formatBytes), [
    '0 kB',
    '1023 kB',
    '1.50 MB',
    '2.00 GB',
  ]);
});

test('a heartbeat has the lines that operators look for, handshakes since the last one', () => {
  const before = { ...IDLE, handshakes: { ...IDLE.handshakes, ntor: { requested: 10, answered: 8 } } };
  const now = {
    ...IDLE,
    circuits: 3,
    bytesSent: 2 ** 20,
    bytesReceived: 1024,
    connections: { receivedIPv4: 1, receivedIPv6: 2, initiatedIPv4: 3, initiatedIPv6: 4 },
    handshakes: { ...IDLE.handshakes, ntor: { requested: 30, answered: 18 } },
    isInConsensus: false,
  };
  assert.deepEqual(heartbeatLines(now, before, 60), [
    "Heartbeat: Tor's uptime is 0:01 hours, with 3 circuits open. I've sent 1.00 MB and received 1 kB. " +
      "I've received 1 connections on IPv4 and 2 on IPv6. I've made 3 connections with IPv4 and 4 with IPv6.",
    'Circuit handshake stats since last time: 0/0 TAP, 10/20 NTor, 0/0 NTor (v3).',
    'Heartbeat: It seems like we are not in the cached consensus.',
  ]);
  assert.equal(heartbeatLines({ ...now, isInConsensus: undefined }, undefined, 0).length, 2);
});
