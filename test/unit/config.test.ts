import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  SCHEMA,
  configFromFlags,
  listOptions,
  makeConfig,
  renderOptionTable,
} from '../../src/config/index.js';
import type { RelayConfig } from '../../src/config/index.js';

test('without settings every option has its default', () => {
  const { config, warnings } = makeConfig();
  assert.equal(config.schedRunIntervalMs, 10);
  assert.equal(config.sockBufSizeFactor, 1);
  assert.equal(config.circuitPriorityHalflifeMs, 30_000);
  assert.deepEqual(config.schedulers, ['kist', 'kist-lite', 'vanilla']);
  assert.deepEqual(config.registration, { host: '127.0.0.1', port: 46101 });
  assert.equal(config.bind, '127.0.0.1');
  assert.equal(config.allowPrivateTargets, false);
  assert.deepEqual(warnings, []);
  assert.deepEqual(Object.keys(config).sort(), Object.keys(SCHEMA).sort());
});

const ACCEPTED: readonly [flag: string, text: string, key: keyof RelayConfig, value: unknown][] = [
  ['schedRunInterval', '0', 'schedRunIntervalMs', 10],
  ['schedRunInterval', '2', 'schedRunIntervalMs', 2],
  ['schedRunInterval', '100', 'schedRunIntervalMs', 100],
  ['sockBufSizeFactor', '0', 'sockBufSizeFactor', 0],
  ['sockBufSizeFactor', '1.5', 'sockBufSizeFactor', 1.5],
  ['circuitPriorityHalflife', '0.1', 'circuitPriorityHalflifeMs', 100],
  ['circuitPriorityHalflife', '30', 'circuitPriorityHalflifeMs', 30_000],
  ['schedulers', 'Vanilla,KISTLite', 'schedulers', ['vanilla', 'kist-lite']],
  ['schedulers', 'kist-lite', 'schedulers', ['kist-lite']],
  ['threads', '63', 'threads', 63],
  ['memoryBudget', '64', 'memoryBudgetBytes', 64_000_000],
  ['circuitStall', '2.5', 'circuitStallMs', 2500],
  ['circuitIdle', '0', 'circuitIdleMs', 0],
  ['registration', 'directory.example:7', 'registration', { host: 'directory.example', port: 7 }],
  ['registration', '10.1.2.3', 'registration', { host: '10.1.2.3', port: 46101 }],
  ['bind', '0.0.0.0', 'bind', '0.0.0.0'],
  ['logLevel', 'debug', 'logLevel', 'debug'],
];

for (const [flag, text, key, value] of ACCEPTED) {
  test(`${flag} ${text} is read as ${key} ${JSON.stringify(value)}`, () => {
    assert.deepEqual(configFromFlags({ [flag]: text }, {}).config[key], value);
  });
}

const REFUSED: readonly [flag: string, text: string, message: RegExp][] = [
  ['schedRunInterval', '101', /^--sched-run-interval must be a whole number from 0 to 100, got "101"$/],
  ['schedRunInterval', '-1', /--sched-run-interval/],
  ['schedRunInterval', '2.5', /--sched-run-interval/],
  ['schedRunInterval', '', /--sched-run-interval .*got ""/],
  ['schedRunInterval', '0x10', /--sched-run-interval/],
  ['sockBufSizeFactor', '-0.5', /--sock-buf-size-factor must be a number from 0/],
  ['sockBufSizeFactor', 'NaN', /--sock-buf-size-factor/],
  ['sockBufSizeFactor', 'Infinity', /--sock-buf-size-factor/],
  ['sockBufSizeFactor', '1e3', /--sock-buf-size-factor/],
  ['circuitPriorityHalflife', '0.09', /--circuit-priority-halflife must be a number of seconds from 0.1/],
  ['schedulers', '', /--schedulers must be a list/],
  ['schedulers', 'fifo', /--schedulers must be a list of some of kist, kist-lite, vanilla/],
  ['schedulers', 'kist,KIST', /each once/],
  ['threads', '0', /--threads must be a whole number from 1 to 63/],
  ['threads', '64', /--threads/],
  ['registration', ':1', /--registration must be HOST:PORT/],
  ['registration', 'host:0', /--registration/],
  ['registration', 'host:65536', /--registration/],
  ['registration', 'a:1:2', /--registration/],
  ['registration', 'a b:1', /--registration/],
  ['bind', 'localhost', /--bind must be an IPv4 address/],
  ['bind', '::1', /--bind/],
  ['congestionControl', 'a/b', /--congestion-control/],
  ['logLevel', 'loud', /--log-level must be one of silent, error/],
];

for (const [flag, text, message] of REFUSED) {
  test(`${flag} ${JSON.stringify(text)} is refused by its name`, () => {
    assert.throws(() => configFromFlags({ [flag]: text }, {}), { code: 'ERR_KIST_OPTION', message });
  });
}

test('an interval of 1 ms is raised to 2, with a warning', () => {
  for (const checked of [
    configFromFlags({ schedRunInterval: '1' }, {}),
    makeConfig({ schedRunIntervalMs: 1 }),
  ]) {
    assert.equal(checked.config.schedRunIntervalMs, 2);
    assert.equal(checked.warnings.length, 1);
    assert.match(checked.warnings[0] ?? '', /KISTSchedRunInterval 1 .* raised to 2/);
  }
});

test('the registration service comes from the flag, else the environment, else the default', () => {
  const env = { KIST_RELAY_REGISTRATION: 'from-env:5' };
  assert.equal(configFromFlags({ registration: 'from-flag:6' }, env).config.registration.host, 'from-flag');
  assert.deepEqual(configFromFlags({}, env).config.registration, { host: 'from-env', port: 5 });
  assert.equal(configFromFlags({}, { KIST_RELAY_REGISTRATION: '' }).config.registration.port, 46101);
  assert.throws(() => configFromFlags({}, { KIST_RELAY_REGISTRATION: 'x:y' }), {
    code: 'ERR_KIST_OPTION',
    message: /^KIST_RELAY_REGISTRATION must be HOST:PORT/,
  });
});

test('both kinds of early run can be switched off', () => {
  const { config } = configFromFlags({ drainWake: false, lightWake: false }, {});
  assert.deepEqual([config.drainWake, config.lightWake], [false, false]);
  assert.equal(makeConfig({ drainWake: false }).config.lightWake, true);
});

test('a wrong setting of a program is a TypeError that names it', () => {
  const wrong: [string, unknown][] = [
    ['threads', '2'],
    ['threads', 1.5],
    ['schedRunIntervalMs', Number.NaN],
    ['sockBufSizeFactor', -1],
    ['circuitPriorityHalflifeMs', 99],
    ['schedulers', []],
    ['schedulers', 'kist'],
    ['registration', { host: 'a' }],
    ['drainWake', 'no'],
    ['registration', null],
  ];
  for (const [key, value] of wrong) {
    assert.throws(() => makeConfig({ [key]: value }), {
      name: 'TypeError',
      code: 'ERR_KIST_ARGUMENT',
      message: new RegExp(`^${key} must be `),
    });
  }
  assert.throws(
    () => makeConfig({ schedRunInterval: 5 } as Partial<RelayConfig>),
    /schedRunInterval .*no such option/,
  );
});

test('no two options share a flag, a torrc name or a variable', () => {
  for (const name of ['flag', 'torrc', 'env'] as const) {
    const used = listOptions().flatMap((option) => option[name] ?? []);
    assert.equal(new Set(used).size, used.length);
  }
});

test('every default is a valid value and reads back as written', () => {
  for (const { key, kind, default: value } of listOptions()) {
    assert.ok(kind.isValid(value), key);
    if (typeof value !== 'boolean' && value !== undefined) {
      assert.deepEqual(kind.parse(kind.format(value)), value, key);
    }
  }
});

test('the table of options has each flag, code name and torrc name', () => {
  const table = renderOptionTable();
  for (const { flag, key, torrc } of listOptions()) {
    for (const name of [flag, key, ...(torrc === undefined ? [] : [torrc])])
      assert.ok(table.includes(name), name);
  }
  assert.match(table, /\| `--registration <host:port>` \| `registration` \|/);
});

const readme = new URL('../../../README.md', import.meta.url);

test('README holds every option of the schema', { skip: !existsSync(readme) }, () => {
  const text = readFileSync(readme, 'utf8');
  const missing = listOptions().filter(({ flag, key, torrc }) =>
    [flag, `\`${key}\``, torrc ?? ''].some((name) => !text.includes(name)),
  );
  assert.deepEqual(
    missing.map(({ key }) => key),
    [],
  );
});
