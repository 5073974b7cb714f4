import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTorArguments } from '../../../src/config/torrc/index.js';

test("Debian's unit arguments are read", () => {
  const args = parseTorArguments([
    '--defaults-torrc',
    '/usr/share/tor/tor-service-defaults-torrc',
    '-f',
    '/etc/tor/torrc',
    '--RunAsDaemon',
    '0',
    '--verify-config',
  ]);
  assert.equal(args.command, 'verify-config');
  assert.equal(args.torrc, '/etc/tor/torrc');
  assert.equal(args.defaultsTorrc, '/usr/share/tor/tor-service-defaults-torrc');
  assert.deepEqual(
    args.options.map(({ name, value, command }) => [name, value, command]),
    [['RunAsDaemon', '0', 'set']],
  );
});

test('options come with no, one or two dashes, + and /', () => {
  const { options } = parseTorArguments(['ORPort', '1', '-ORPort', '2', '--+ORPort', '3', '/Log', '-f', 'x']);
  assert.deepEqual(
    options.map(({ name, value, command }) => `${command} ${name} ${value}`),
    ['set ORPort 1', 'set ORPort 2', 'append ORPort 3', 'clear Log '],
  );
});

test('commands with an optional word take it only when it is no option', () => {
  assert.equal(parseTorArguments(['--dump-config', 'short', '-f', 'x']).argument, 'short');
  const bare = parseTorArguments(['--list-fingerprint', '-f', 'x']);
  assert.deepEqual([bare.command, bare.argument, bare.torrc], ['list-fingerprint', undefined, 'x']);
});

test('--hush and --quiet, missing files', () => {
  assert.equal(parseTorArguments(['--hush']).quiet, 1);
  assert.equal(parseTorArguments(['--hush', '--quiet']).quiet, 2);
  assert.equal(parseTorArguments(['--ignore-missing-torrc']).mayBeMissing, true);
});

for (const args of [['ORPort'], ['-f'], ['--keygen-family'], ['--verify-config', '--Nickname']]) {
  test(`${args.join(' ')} without a value is refused`, () => {
    assert.throws(() => parseTorArguments(args), { name: 'TorrcError', message: /with no value/ });
  });
}

test('-f and --torrc-file exclude each other', () => {
  assert.throws(() => parseTorArguments(['-f', 'a', '--torrc-file', 'b']), /cannot be used together/);
});
