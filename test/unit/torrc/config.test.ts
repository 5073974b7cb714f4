import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadTorrc, parseTorArguments } from '../../../src/config/torrc/index.js';
import type { LoadedTorrc } from '../../../src/config/torrc/index.js';
import { memoryFiles } from './memory-files.js';
import { GOOD, SAMPLES, sampleText } from './samples.js';

const BASE = 'ORPort 9001\nContactInfo me\nNickname test\n';

function load(torrc: string, defaults = '', args: readonly string[] = []): LoadedTorrc {
  const files = memoryFiles({ torrc, defaults });
  const { options } = parseTorArguments(args);
  return loadTorrc({ file: 'torrc', defaultsFile: 'defaults', files, arguments: options, home: '/home' });
}

function warnings({ notices }: LoadedTorrc): string[] {
  return notices.filter(({ level }) => level === 'warn').map(({ text }) => text);
}

const files = memoryFiles({});
for (const [isGood, ...lines] of SAMPLES) {
  // Patterns and includes need files; they are compared with C tor in the integration test.
  if (lines.some((line) => line.startsWith('%include'))) continue;
  test(`${isGood ? 'accepted' : 'refused'}: ${lines.join(' | ')}`, () => {
    const read = (): LoadedTorrc => loadTorrc({ text: sampleText(lines), files });
    if (isGood) assert.ok(read().config.orPorts.length > 0);
    else assert.throws(read, { name: 'TorrcError', message: /\(.+:\d+\)$/ });
  });
}

test('an error tells the line that is wrong, and the nearest name', () => {
  const text = `${GOOD.join('\n')}\n\nBandwithRate 5 MB\n`;
  assert.throws(() => loadTorrc({ text, files }), {
    message: "Unknown option 'BandwithRate'.  Failing. Did you mean BandwidthRate? (standard input:6)",
  });
});

test('the command line wins over the torrc, the torrc over the defaults', () => {
  const { config } = load(`${BASE}Log warn stderr\n`, 'User debian-tor\nLog notice syslog\nRunAsDaemon 1\n', [
    '--RunAsDaemon',
    '0',
    'Nickname',
    'given',
  ]);
  assert.equal(config.runAsDaemon, false);
  assert.equal(config.user, 'debian-tor');
  assert.equal(config.nickname, 'given');
  assert.deepEqual(
    config.logs.map(({ kind }) => kind),
    ['stderr'],
  );
});

test('lists: a later layer replaces, + adds, / clears', () => {
  const kinds = (torrc: string): string[] =>
    load(`${BASE}${torrc}`, 'Log notice syslog\nLog warn stderr\n').config.logs.map(({ kind }) => kind);
  assert.deepEqual(kinds(''), ['syslog', 'stderr']);
  assert.deepEqual(kinds('Log info stdout\nLog err stderr\n'), ['stdout', 'stderr']);
  assert.deepEqual(kinds('+Log info stdout\n'), ['syslog', 'stderr', 'stdout']);
  assert.deepEqual(kinds('/Log\n'), []);
});

test('a repeated option is told of, and the last one wins', () => {
  const loaded = load(`${BASE}Nickname second\n`);
  assert.equal(loaded.config.nickname, 'second');
  assert.deepEqual(warnings(loaded), [
    "Option 'Nickname' used more than once; all but the last value will be ignored.",
  ]);
});

test("Debian's defaults file is taken, with one line for each kind of option that has no effect", () => {
  const defaults = [
    'DataDirectory /var/lib/tor',
    'PidFile /run/tor/tor.pid',
    'RunAsDaemon 1',
    'User debian-tor',
    'ControlSocket /run/tor/control GroupWritable RelaxDirModeCheck',
    'ControlSocketsGroupWritable 1',
    'SocksPort unix:/run/tor/socks WorldWritable',
    'SocksPort 9050',
    'CookieAuthentication 1',
    'Log notice syslog',
  ];
  const loaded = load(
    `${BASE}HiddenServiceDir /x\nHiddenServicePort 80\nCellStatistics 1\n`,
    defaults.join('\n'),
  );
  const { dataDirectory, keyDirectory, pidFile } = loaded.config;
  assert.deepEqual(
    [dataDirectory, keyDirectory, pidFile],
    ['/var/lib/tor', '/var/lib/tor/keys', '/run/tor/tor.pid'],
  );
  const told = loaded.notices
    .map(({ text }) => text)
    .filter((text) => text.includes('effect') || text.includes('change'));
  assert.deepEqual(told, [
    'Not supported by this relay, and without effect: ControlSocket, ControlSocketsGroupWritable, CookieAuthentication.',
    'Only for clients and onion services, and without effect in this relay: HiddenServiceDir, HiddenServicePort, SocksPort.',
    'Accepted, but there is nothing in this relay that they change: CellStatistics.',
  ]);
});

for (const option of [
  'BridgeRelay 1',
  'AccountingMax 1 GB',
  'AuthoritativeDirectory 1',
  'DisableNetwork 1',
]) {
  test(`${option} is refused rather than passed over`, () => {
    const name = option.split(' ')[0] ?? '';
    assert.throws(() => load(BASE + option), new RegExp(`^TorrcError: ${name} is not supported: .*torrc:4`));
  });
  test(`${option.replace(/ .*/, ' 0')} is taken`, () => {
    assert.deepEqual(warnings(load(BASE + option.replace(/ .*/, ' 0'))), []);
  });
}

test('an ORPort without an address is one of each family; flags and written addresses narrow it', () => {
  const ports = (lines: string): string[] =>
    load(`ContactInfo x\n${lines}`).config.orPorts.map(
      ({ address, port, listens, advertises }) => `${address} ${port} ${listens} ${advertises}`,
    );
  assert.deepEqual(ports('ORPort 9001'), ['0.0.0.0 9001 true true', ':: 9001 true true']);
  assert.deepEqual(ports('ORPort 9001 IPv4Only'), ['0.0.0.0 9001 true true']);
  assert.deepEqual(ports('ORPort auto IPv4Only'), ['0.0.0.0 auto true true']);
  assert.deepEqual(ports('ORPort 443 NoListen\nORPort 127.0.0.1:9090 NoAdvertise'), [
    '0.0.0.0 443 false true',
    ':: 443 false true',
    '127.0.0.1 9090 true false',
  ]);
  assert.deepEqual(ports('ORPort 9001\nORPort [2001:db8::1]:9001'), [
    '0.0.0.0 9001 true true',
    '2001:db8::1 9001 true true',
  ]);
  assert.deepEqual(ports('ORPort 0'), []);
});

test('a relay is an exit when it is told so, or when a policy is written', () => {
  const policy = (lines: string): unknown => load(BASE + lines).config.exitPolicy;
  assert.equal(policy(''), undefined);
  assert.equal(policy('ExitRelay 0\nExitPolicy accept *:80'), undefined);
  assert.equal(policy('ExitPolicyRejectPrivate 0'), undefined);
  assert.deepEqual(policy('ExitRelay 1'), {
    lines: [],
    ipv6Exit: false,
    rejectPrivate: true,
    ownAddresses: [],
    base: 'default',
  });
  assert.deepEqual(
    policy('ReducedExitPolicy 1\nIPv6Exit 1\nExitPolicy reject *:25\nExitPolicyRejectPrivate 0'),
    {
      lines: ['reject *:25'],
      ipv6Exit: true,
      rejectPrivate: false,
      ownAddresses: [],
      base: 'reduced',
    },
  );
});

test('limits of bandwidth complete each other', () => {
  const { config } = load(`${BASE}RelayBandwidthRate 2 MB\nMaxAdvertisedBandwidth 1 MB\n`);
  assert.deepEqual(config.relayBandwidth, { rate: 2 ** 21, burst: 2 ** 21 });
  assert.deepEqual(config.advertised, { rate: 2 ** 20, burst: 2 ** 21 });
  assert.deepEqual(config.bandwidth, { rate: 2 ** 30, burst: 2 ** 30 });
  assert.equal(config.perConnection, undefined);
  assert.equal(load(BASE).config.relayBandwidth, undefined);
});

test('log levels, domains and targets are read', () => {
  const { logs } = load(`${BASE}Log [general,~dir]debug-info warn file ~/x y.log\nLog notice\n`).config;
  assert.deepEqual(
    logs.map(({ kind, path, levels }) => [kind, path, [...levels].sort()]),
    [
      ['file', '/home/x y.log', ['debug', 'err', 'info', 'warn']],
      ['stdout', '', ['err', 'notice', 'warn']],
    ],
  );
});

test('a testing network has other defaults, which a line still changes', () => {
  const digest = '0123456789012345678901234567890123456789';
  const network = `${BASE}TestingTorNetwork 1\nDirAuthority a orport=5000 v3ident=${digest} 127.0.0.1:7000 ${digest}\n`;
  const { config } = load(network);
  assert.equal(config.extendAllowPrivateAddresses, true);
  assert.equal(config.exitPolicyRejectPrivate, false);
  assert.equal(config.minTimeToReportBandwidthMs, 0);
  assert.deepEqual(config.dirAuthorities, [
    {
      nickname: 'a',
      address: '127.0.0.1',
      dirPort: 7000,
      orPort: 5000,
      ipv6: undefined,
      fingerprint: digest,
      v3Identity: digest,
      isBridgeAuthority: false,
    },
  ]);
  assert.equal(load(`${network}ExtendAllowPrivateAddresses 0\n`).config.extendAllowPrivateAddresses, false);
  assert.equal(load(BASE).config.extendAllowPrivateAddresses, false);
  assert.equal(load(BASE).config.dirAuthorities, undefined);
});

test('only a restart changes what is fixed', () => {
  const values = (text: string) => load(BASE + text, '').values;
  const old = values('DataDirectory /a\nPidFile /p\n');
  assert.deepEqual(old.fixedDifferences(values('DataDirectory /b\nNickname other\n')), [
    'DataDirectory',
    'PidFile',
  ]);
  assert.deepEqual(old.fixedDifferences(values('DataDirectory /a\nPidFile /p\nExitRelay 1\n')), []);
});
