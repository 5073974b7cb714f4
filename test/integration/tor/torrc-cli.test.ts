import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { SAMPLES, sampleText } from '../../unit/torrc/samples.js';
import { Running, freePort, get, makeFolder, needs, runOurs, runTheirs } from './torrc-cli-support.js';

const noTor = needs('tor');
const GOOD = 'ORPort 9001\nContactInfo x\nNickname sample\n';

function writeTorrc(folder: string, lines = '', name = 'torrc'): string {
  const path = join(folder, name);
  writeFileSync(path, `DataDirectory ${folder}/data\n${GOOD}${lines}`);
  return path;
}

test('C tor and this relay take and refuse the same files', { skip: noTor }, (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'torrc');
  const differing: string[] = [];
  for (const [isGood, ...lines] of SAMPLES) {
    writeFileSync(path, `DataDirectory ${folder}/data\n${sampleText(lines)}`);
    const { status } = runTheirs(['--verify-config', '-f', path, '--defaults-torrc', '/nonexistent'], folder);
    if (status !== (isGood ? 0 : 1)) differing.push(`${status}: ${lines.join(' | ')}`);
  }
  // The unit tests hold this relay to the same table.
  assert.deepEqual(differing, []);
});

const VERIFIED: readonly string[] = [
  'Log info stdout\nExitPolicy accept *:80\n',
  '%include ./torrc.d/*.conf\n',
  'Bogus 1\n',
  'ORPort 99999\n',
  '%include ./nowhere\n',
];

test('--verify-config of a process: the last line and the status are C tor’s', { skip: noTor }, (t) => {
  const folder = makeFolder(t);
  for (const lines of VERIFIED) {
    const path = writeTorrc(folder, lines);
    const args = ['--verify-config', '-f', path, '--defaults-torrc', '/nonexistent', '--RunAsDaemon', '0'];
    const theirs = runTheirs(args, folder);
    const ours = runOurs(args, folder);
    const last = (text: string): string =>
      (text.trim().split('\n').at(-1) ?? '').replace(/^.*(\[err\])/, '$1');
    assert.equal(ours.status, theirs.status, lines);
    assert.equal(last(ours.stdout), last(theirs.stdout), lines);
    assert.equal(ours.stderr, '');
  }
});

test('--dump-config says what C tor says', { skip: noTor }, (t) => {
  const folder = makeFolder(t);
  const lines =
    'BandwidthRate 1.5 MB\nShutdownWaitLength 2 minutes\nLog notice stdout\nSchedulers KIST, Vanilla\n';
  const path = writeTorrc(
    folder,
    `${lines}KISTSockBufSizeFactor 0.5\nKISTSchedRunInterval 5 msec\nExitPolicy accept *:80\n`,
  );
  const defaults = join(folder, 'defaults');
  writeFileSync(defaults, 'CellStatistics 1\nAvoidDiskWrites 1\n');
  const args = ['-f', path, '--defaults-torrc', defaults, 'Address', '1.2.3.4'];
  for (const form of ['short', 'full']) {
    const read = (text: string): string[] =>
      text.split('\n').filter((line) => !/^(GeoIP|MyFamily|__)/.test(line));
    const theirs = read(runTheirs(['--dump-config', form, ...args], folder).stdout);
    assert.deepEqual(read(runOurs(['--dump-config', form, ...args], folder).stdout), theirs);
  }
});

/** Calls and exits as C tor has them; what needs keys is not here yet, and says so. */
const CALLS: readonly (readonly [args: readonly string[], status: number, stdout: RegExp])[] = [
  [['--verify-config'], 0, /\nConfiguration was valid\n$/],
  [['--verify-config', '--hush'], 0, /^Configuration was valid\n$/],
  [['--verify-config', '--quiet', 'Bogus', '1'], 1, /^$/],
  [
    ['--verify-config', 'Bogus', '1'],
    1,
    /\[warn\] Failed to parse\/validate config: Unknown option 'Bogus'. {2}Failing\. \(command line\)\n.*\[err\] Reading config failed--see warnings above\.\n$/,
  ],
  [['--verify-config', '--ORPort', '0', '--/Address'], 1, /ORPort is not set/],
  [['--list-torrc-options'], 0, /^__AllDirActionsPrivate\n(\w+\n){370}WarnPlaintextPorts\n$/],
  [['--list-deprecated-options'], 0, /^(\w+\n){5}$/],
  [['--list-modules'], 0, /^relay: yes\n/],
  [['--version'], 0, /^kist-relay version \d+\.\d+\.\d+\.\n$/],
  [['--help'], 0, /^Usage: kist-relay run /],
  [['--dump-config', 'short'], 0, /^ContactInfo x\nDataDirectory \S+\nNickname sample\nORPort 9001\n$/],
  [['--keygen'], 1, /\[warn\] .*--keygen is not supported/],
  [['ORPort'], 1, /Command-line option 'ORPort' with no value\. Failing\./],
];

for (const [args, status, stdout] of CALLS) {
  test(`run ${args.join(' ')} ends with ${status}`, (t) => {
    const path = writeTorrc(makeFolder(t));
    const done = runOurs(['-f', path, '--defaults-torrc', '/nonexistent', ...args]);
    assert.match(done.stdout, stdout);
    assert.equal(done.stderr, '');
    assert.equal(done.status, status);
  });
}

test('a torrc that is not there is refused, an empty one is read, /dev/null is neither', (t) => {
  const folder = makeFolder(t);
  const verify = (file: string, ...args: string[]): string =>
    runOurs(['--verify-config', '-f', file, '--defaults-torrc', '/nonexistent', ...args]).stdout;
  assert.match(verify(join(folder, 'none')), /Unable to open configuration file "\S+none"\./);
  assert.match(verify('/dev/null'), /Unable to open/);
  assert.match(
    verify(join(folder, 'none'), '--ignore-missing-torrc', 'ORPort', '1'),
    /Configuration was valid/,
  );
  writeFileSync(join(folder, 'empty'), '');
  assert.match(verify(join(folder, 'empty'), 'ORPort', '1'), /Configuration was valid/);
});

async function startOurs(t: TestContext, lines: string, env?: Record<string, string>) {
  const folder = makeFolder(t);
  const torrc = writeTorrc(folder, lines.replaceAll('FOLDER', folder));
  const running = Running.ours(t, ['-f', torrc, '--defaults-torrc', '/nonexistent'], env);
  await running.says('fake relay: started');
  return { folder, torrc, running };
}

test('it runs with a pid file and a log file that can be rotated, and TERM leaves nothing behind', async (t) => {
  const { folder, running } = await startOurs(
    t,
    'PidFile FOLDER/pid\nLog notice file FOLDER/log\nLog notice stdout\n',
  );
  assert.equal(readFileSync(join(folder, 'pid'), 'utf8'), `${running.process.pid}\n`);
  renameSync(join(folder, 'log'), join(folder, 'log.1'));
  running.signal('SIGHUP');
  await running.says('Received reload signal (hup)');
  running.signal('SIGTERM');
  assert.equal(await running.ended, 0);
  assert.match(
    readFileSync(join(folder, 'log.1'), 'utf8'),
    /\[notice\] fake relay: started \(nickname=sample\)\n/,
  );
  assert.match(
    readFileSync(join(folder, 'log'), 'utf8'),
    /\[notice\] Catching signal TERM, exiting cleanly\.\n$/,
  );
  for (const line of readFileSync(join(folder, 'log.1'), 'utf8').trim().split('\n'))
    assert.match(line, /^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d\.000 \[(notice|warn)\] \S/);
  assert.equal(existsSync(join(folder, 'pid')), false);
});

test('HUP with a broken torrc does not end it, USR1 and USR2 do what they say, no debugger opens', async (t) => {
  const { torrc, running } = await startOurs(t, '');
  writeFileSync(torrc, 'Bogus 1\n');
  running.signal('SIGHUP');
  await running.says(/Unknown option 'Bogus'.*\n.*\[warn\] Reload refused/);
  running.signal('SIGUSR1');
  await running.says(/Dumping stats:\n.*\[notice\] circuits: 0\n/);
  running.signal('SIGUSR2');
  await running.says('Switching to loglevel debug');
  running.signal('SIGTERM');
  assert.equal(await running.ended, 0);
  assert.ok(!running.output.includes('Debugger listening'));
});

test('INT waits for circuits; a second one does not; both end with 0', async (t) => {
  const none = await startOurs(t, '');
  none.running.signal('SIGINT');
  assert.equal(await none.running.ended, 0);
  assert.match(
    none.running.output,
    /will shut down in 30 seconds[^\n]*\n.*Clean shutdown finished\. Exiting\.\n$/,
  );

  const busy = await startOurs(t, '', { TEST_CIRCUITS: '2' });
  busy.running.signal('SIGINT');
  await busy.running.says('will shut down in');
  busy.running.signal('SIGINT');
  assert.equal(await busy.running.ended, 0);
  assert.match(busy.running.output, /SIGINT received a second time; exiting now\.\n$/);
});

const isRoot = process.getuid?.() === 0;
test(
  'as root it changes to User once the ports are open',
  { skip: isRoot ? false : 'needs root' },
  async (t) => {
    const { folder, running } = await startOurs(t, 'User nobody\nDataDirectory FOLDER/data/of/nobody\n');
    await running.says(/running as 65534:\d+/);
    assert.ok(existsSync(join(folder, 'data/of/nobody')));
    running.signal('SIGTERM');
    assert.equal(await running.ended, 0);
    const wrong = runOurs(['--verify-config', '-f', writeTorrc(folder, 'User no-such-account\n')]);
    assert.match(wrong.stdout, /User no-such-account: there is no such account/);
    assert.equal(wrong.status, 1);
  },
);

/** Prints every datagram that comes to a socket, on a line each. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    print(s.recv(4096).decode().replace(chr(10), '|'), flush=True)
`;

test(
  'the service manager is told of start, reload and stop, in order',
  { skip: needs('python3') || needs('systemd-notify') },
  async (t) => {
    const socket = join(makeFolder(t), 'notify');
    const manager = new Running(t, 'python3', ['-c', RECEIVER, socket]);
    await manager.says('bound');
    const { running } = await startOurs(t, 'ShutdownWaitLength 12\n', { NOTIFY_SOCKET: socket });
    await manager.says('READY=1');
    const reloadFrom = manager.output.length;
    running.signal('SIGHUP');
    await manager.says(/RELOADING=1[\s\S]*READY=1/, reloadFrom);
    running.signal('SIGINT');
    assert.equal(await running.ended, 0);
    const said = manager.output
      .match(/^(MAINPID|READY|RELOADING|STOPPING)=.*$/gm)
      ?.map((line) => line.split('|')[0]);
    assert.deepEqual(said, [
      `MAINPID=${running.process.pid}`,
      'READY=1',
      'RELOADING=1',
      'READY=1',
      'STOPPING=1',
    ]);
    assert.ok(manager.output.includes('STOPPING=1|EXTEND_TIMEOUT_USEC=42000000'));
  },
);

test('MetricsPort answers whom the policy accepts, and follows a reload', async (t) => {
  const [first, second] = [await freePort(), await freePort()];
  const ports = (port: number): string =>
    `MetricsPort 127.0.0.1:${port}\nMetricsPortPolicy accept 127.0.0.1\n`;
  const { torrc, folder, running } = await startOurs(t, ports(first), { TEST_CIRCUITS: '5' });
  const answer = await get(first, '/metrics');
  assert.match(answer, /^HTTP\/1\.0 200 OK\r\n/);
  assert.match(answer, /^tor_relay_circuits_total\{state="opened"\} 5$/m);
  assert.match(answer, /^process_resident_memory_bytes \d+$/m);
  writeTorrc(folder, ports(second));
  running.signal('SIGHUP');
  await running.says(`Opened Metrics listener connection (ready) on 127.0.0.1:${second}`);
  assert.match(await get(second, '/metrics'), /^HTTP\/1\.0 200 OK/);
  const old = connect({ host: '127.0.0.1', port: first });
  await assert.rejects(new Promise((resolve, reject) => old.on('connect', resolve).on('error', reject)), {
    code: 'ECONNREFUSED',
  });
  writeFileSync(torrc, readFileSync(torrc, 'utf8').replace('accept 127', 'reject 127'));
  const before = running.output.length;
  running.signal('SIGHUP');
  await running.says('Received reload signal', before);
  running.signal('SIGUSR1');
  await running.says('Dumping stats', before);
  assert.equal(await get(second, '/metrics').catch(() => ''), '');
});

const NETWORK = '0123456789012345678901234567890123456789';

test('a running C tor has the same families and series', { skip: noTor }, async (t) => {
  const folder = makeFolder(t);
  const port = await freePort();
  const lines = [
    `MetricsPort 127.0.0.1:${port}\nMetricsPortPolicy accept 127.0.0.1\nLog notice stdout\nSocksPort 0`,
    `/ORPort\nORPort 127.0.0.1:auto\nTestingTorNetwork 1\nAssumeReachable 1\nExitRelay 0`,
    `DirAuthority a orport=1 v3ident=${NETWORK} 127.0.0.1:1 ${NETWORK}\n`,
  ];
  const torrc = writeTorrc(folder, lines.join('\n'));
  const tor = new Running(t, 'tor', ['-f', torrc, '--defaults-torrc', '/nonexistent']);
  await tor.says('Opened OR listener');
  const theirs = await get(port, '/metrics');
  tor.signal('SIGTERM');
  assert.equal(await tor.ended, 0);
  const { running } = await startOurs(
    t,
    `MetricsPort 127.0.0.1:${port}\nMetricsPortPolicy accept 127.0.0.1\n`,
  );
  const ours = await get(port, '/metrics');
  running.signal('SIGTERM');
  const series = (text: string): string[] => {
    const body = text.slice(text.indexOf('\r\n\r\n') + 4).trim();
    const lineNames = body
      .split('\n')
      .map((line) => line.replace(/^# HELP (\S+).*/, '$1').replace(/ [\d.e+]+$/, ''));
    return lineNames.filter((line) => /^(# TYPE )?tor_/.test(line)).sort();
  };
  assert.deepEqual(series(ours), series(theirs));
  const headers = (text: string): string[] =>
    text
      .slice(0, text.indexOf('\r\n\r\n'))
      .split('\r\n')
      .map((line) => line.replace(/:.*/, ''));
  assert.deepEqual(headers(ours), headers(theirs));
});
