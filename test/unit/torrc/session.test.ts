import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RelaySession } from '../../../src/cli/run-command-session.js';
import { TorLog } from '../../../src/cli/tor-log.js';
import { loadTorrc } from '../../../src/config/torrc/index.js';
import { ManualClock } from '../../../src/util/clock.js';
import { FakeRelay, IDLE } from './fake-relay.js';
import { memoryFiles } from './memory-files.js';

interface Rig {
  readonly clock: ManualClock;
  readonly signals: EventEmitter;
  readonly sent: string[];
  readonly ended: Promise<void>;
  relay(): FakeRelay;
  /** What was logged since it was asked last, without time stamps. */
  logged(): string[];
  write(torrc: string): void;
}

const NOTIFY = { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '6000000' };

/** A session with a fake relay, started. */
async function start(
  t: TestContext,
  lines: string,
  prepare: (relay: FakeRelay) => void = () => undefined,
): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'kist-session-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const base = `ORPort 9001\nContactInfo x\nDataDirectory ${folder}/data\n`;
  const texts = { torrc: base + lines };
  const sources = { file: 'torrc', files: memoryFiles(texts) };
  const clock = new ManualClock();
  const signals = new EventEmitter();
  const sent: string[] = [];
  let output = '';
  const sink = { write: (text: string) => (output += text).length > 0 };
  const sendDatagram = (_path: string, bytes: Uint8Array): boolean =>
    sent.push(Buffer.from(bytes).toString()) > 0;
  const outlets = { stdout: sink, stderr: sink, env: NOTIFY, sendDatagram };
  const log = new TorLog({ clock, outlets });
  let relay: FakeRelay | undefined;
  const factory = async (...args: ConstructorParameters<typeof FakeRelay>): Promise<FakeRelay> => {
    relay = new FakeRelay(...args);
    prepare(relay);
    return relay;
  };
  const loaded = loadTorrc(sources);
  const session = new RelaySession({ loaded, sources, log, factory, clock, signals, outlets });
  const ended = session.run();
  ended.catch(() => undefined);
  await settle();
  const logged = (): string[] => {
    const read = output
      .trim()
      .split('\n')
      .map((line) => line.replace(/^\S+ \d+ [\d:.]+ /, ''));
    output = '';
    return read;
  };
  return {
    clock,
    signals,
    sent,
    ended,
    logged,
    relay: () => relay ?? assert.fail('no relay was made'),
    write: (text) => (texts.torrc = base + text),
  };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await turn();
}

test('it binds, starts and says so; TERM stops it', async (t) => {
  const rig = await start(t, '');
  assert.deepEqual(rig.relay().calls, ['bind', 'start']);
  assert.deepEqual(rig.sent, [`MAINPID=${process.pid}`, 'READY=1\nSTATUS=Running']);
  rig.signals.emit('SIGTERM');
  await rig.ended;
  assert.deepEqual(rig.relay().calls, ['bind', 'start', 'stop']);
  assert.ok(rig.logged().includes('[notice] Catching signal TERM, exiting cleanly.'));
  assert.equal(rig.signals.eventNames().length, 0);
  assert.equal(rig.clock.pendingTimers, 0);
});

test('a relay that cannot start is stopped, and the reason passed on', async (t) => {
  const rig = await start(t, '', (relay) => {
    relay.failure = new Error('no ports left');
  });
  await assert.rejects(rig.ended, /no ports left/);
  assert.deepEqual(rig.relay().calls, ['bind', 'start', 'stop']);
  assert.ok(!rig.sent.some((text) => text.startsWith('READY')));
});

for (const [signals, last] of [
  [['SIGINT'], 'Clean shutdown finished. Exiting.'],
  [['SIGUSR1', 'SIGTERM'], 'Catching signal TERM, exiting cleanly.'],
] as const) {
  test(`${signals.join(' and ')} while it starts end it at once, without asking it anything`, async (t) => {
    const rig = await start(t, '', (relay) => {
      relay.gate = new Promise(() => undefined);
    });
    for (const signal of signals) rig.signals.emit(signal);
    await rig.ended;
    assert.equal(rig.relay().calls.at(-1), 'stop');
    assert.equal(rig.logged().at(-1), `[notice] ${last}`);
    assert.ok(!rig.sent.some((text) => text.startsWith('READY')));
  });
}

test('INT lets circuits go on for ShutdownWaitLength, and tells how long it may take', async (t) => {
  const rig = await start(t, 'ShutdownWaitLength 12');
  rig.relay().status = { ...IDLE, circuits: 2 };
  rig.logged();
  rig.signals.emit('SIGINT');
  await settle();
  assert.deepEqual(rig.logged(), [
    '[notice] Interrupt: we have stopped accepting new connections, and will shut down in 12 seconds. Interrupt again to exit now.',
  ]);
  assert.equal(rig.sent.at(-1), 'STOPPING=1\nEXTEND_TIMEOUT_USEC=42000000');
  assert.deepEqual(rig.relay().calls, ['bind', 'start', 'beginStopping']);
  for (let second = 0; second < 11; second += 0.5) {
    rig.clock.advance(500);
    await settle();
  }
  assert.equal(rig.relay().calls.at(-1), 'beginStopping');
  rig.clock.advance(1000);
  await settle();
  rig.clock.advance(500);
  await rig.ended;
  assert.equal(rig.relay().calls.at(-1), 'stop');
  assert.ok(rig.logged().includes('[notice] Clean shutdown finished. Exiting.'));
});

test('INT ends the wait with the last circuit, a second INT at once', async (t) => {
  const early = await start(t, '');
  early.relay().status = { ...IDLE, circuits: 1 };
  early.signals.emit('SIGINT');
  await settle();
  early.relay().status = IDLE;
  early.clock.advance(500);
  await early.ended;

  const twice = await start(t, '');
  twice.relay().status = { ...IDLE, circuits: 1 };
  twice.signals.emit('SIGINT');
  twice.signals.emit('SIGINT');
  await twice.ended;
  assert.ok(twice.logged().includes('[notice] SIGINT received a second time; exiting now.'));
});

test('HUP takes a new configuration over', async (t) => {
  const rig = await start(t, 'Nickname one');
  rig.write('Nickname two\nHeartbeatPeriod 1 hour');
  rig.signals.emit('SIGHUP');
  await settle();
  assert.equal(rig.relay().config.nickname, 'two');
  assert.deepEqual(
    rig.sent.slice(2).map((text) => text.split('\n')[0]),
    ['RELOADING=1', 'READY=1'],
  );
  rig.logged();
  rig.clock.advance(3_600_000);
  assert.match(
    rig.logged().join('\n'),
    /\[notice\] Heartbeat: Tor's uptime is 1:00 hours, with 0 circuits open/,
  );
  assert.ok(rig.sent.some((text) => text.startsWith("STATUS=Tor's uptime is 1:00 hours")));
  rig.signals.emit('SIGTERM');
  await rig.ended;
});

for (const [what, torrc, why] of [
  ['a wrong line', 'Bogus 1', /Unknown option 'Bogus'.*\(torrc:4\)/],
  ['a change that needs a restart', 'PidFile /nowhere/pid', /changing "PidFile" is not allowed/],
  ['no ORPort', '/ORPort', /ORPort is not set/],
  ['a log that cannot be opened', 'Log notice file /nowhere/log', /Couldn't open file for 'Log notice file/],
] as const) {
  test(`HUP with ${what} keeps what was in use, and says why`, async (t) => {
    const rig = await start(t, 'Nickname one');
    rig.write(torrc);
    rig.logged();
    rig.signals.emit('SIGHUP');
    await settle();
    const lines = rig.logged();
    assert.match(lines.at(-2) ?? '', /^\[warn\] Failed to parse\/validate config: /);
    assert.match(lines.at(-2) ?? '', why);
    assert.equal(lines.at(-1), '[warn] Reload refused: the configuration that was in use stays in use.');
    assert.ok(!rig.relay().calls.includes('reload'));
    assert.equal(rig.sent.at(-1), 'READY=1');
    rig.write('Nickname two');
    rig.signals.emit('SIGHUP');
    await settle();
    assert.equal(rig.relay().config.nickname, 'two');
    rig.signals.emit('SIGTERM');
    await rig.ended;
  });
}

test('a reload that the relay refuses keeps the old configuration, also for the next comparison', async (t) => {
  const rig = await start(t, 'Nickname one');
  rig.relay().failure = new Error('cannot listen there');
  rig.write('Nickname two\nLog err stdout');
  rig.signals.emit('SIGHUP');
  await settle();
  assert.match(rig.logged().join('\n'), /\[warn\] Failed to parse\/validate config: cannot listen there/);
  assert.equal(rig.relay().config.nickname, 'one');
  rig.signals.emit('SIGTERM');
  await rig.ended;
});

test('USR1 logs the state, USR2 everything until the next HUP', async (t) => {
  const rig = await start(t, '');
  rig.logged();
  rig.relay().context.logger.debug('not seen');
  rig.signals.emit('SIGUSR1');
  assert.deepEqual(rig.logged(), ['[notice] Dumping stats:', '[notice] circuits: 0']);
  rig.signals.emit('SIGUSR2');
  rig.relay().context.logger.trace('seen');
  assert.deepEqual(rig.logged(), [
    '[notice] Switching to loglevel debug.  Send HUP to change back.',
    '[debug] seen',
  ]);
  rig.signals.emit('SIGHUP');
  await settle();
  rig.logged();
  rig.relay().context.logger.debug('not seen');
  rig.signals.emit('SIGTERM');
  await rig.ended;
  assert.deepEqual(rig.logged(), ['[notice] Catching signal TERM, exiting cleanly.']);
});

test('the watchdog is told in half its interval, also while circuits are waited for', async (t) => {
  const rig = await start(t, '');
  const signs = (): number => rig.sent.filter((text) => text === 'WATCHDOG=1').length;
  rig.clock.advance(3000);
  rig.clock.advance(3000);
  assert.equal(signs(), 2);
  rig.relay().status = { ...IDLE, circuits: 1 };
  rig.signals.emit('SIGINT');
  await settle();
  rig.clock.advance(3000);
  assert.equal(signs(), 3);
  rig.signals.emit('SIGINT');
  await rig.ended;
});
