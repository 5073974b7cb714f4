import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { listOptions, flagSyntax } from '../../src/config/index.js';
import { CliProcess, runCli } from './cli-support.js';

test('--help names every command, --version the version of the package', async () => {
  const help = await runCli(['--help']);
  assert.equal(help.code, 0);
  for (const command of ['tor61', 'registration', 'network'])
    assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
  assert.equal(help.stderr, '');
  const version = await runCli(['--version']);
  const { version: expected } = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  ) as {
    version: string;
  };
  assert.deepEqual([version.code, version.stdout], [0, `${expected}\n`]);
});

test('the help of tor61 shows every option of the schema', async () => {
  const { code, stdout } = await runCli(['tor61', '--help']);
  assert.equal(code, 0);
  for (const option of listOptions()) assert.ok(stdout.includes(flagSyntax(option)), option.flag);
});

test('options prints tables of options and exit codes', async () => {
  const { code, stdout } = await runCli(['options', '--markdown']);
  assert.equal(code, 0);
  assert.match(stdout, /\| `--threads <n>` \| `threads` \| `NumCPUs` \| `1` \|/);
  assert.match(stdout, /^\| 3 \| The registration service cannot be reached\. \|$/m);
});

const WRONG: readonly [args: string[], message: RegExp][] = [
  [[], /a command is needed/],
  [['tor16'], /unknown command 'tor16'.*tor61/],
  [['tor61'], /missing required argument 'group'/],
  [['tor61', '1', '2'], /missing required argument 'proxy-port'/],
  [['tor61', '1', '2', '3', '4'], /too many arguments/],
  [['tor61', '0', '2', '0'], /the group number must be a whole number from 1 to 9999, got "0"/],
  [['tor61', '10000', '2', '0'], /the group number must/],
  [['tor61', '0x10', '2', '0'], /the group number must/],
  [['tor61', '1', '10000', '0'], /the instance number must/],
  [['tor61', '1', 'two', '0'], /the instance number must/],
  [['tor61', '1', '2', '65536'], /the proxy port must be a whole number from 0 to 65535, got "65536"/],
  [['tor61', '1', '2', '0', '--thread', '2'], /unknown option '--thread'.*--threads/],
  [['tor61', '1', '2', '0', '--threads'], /argument missing/],
  [['tor61', '1', '2', '0', '--threads', '0'], /--threads must be a whole number from 1 to 63/],
  [['tor61', '1', '2', '0', '--registration', 'nowhere:none'], /--registration must be HOST:PORT/],
  [['network', '--relays', '0'], /--relays must be a whole number from 1/],
  [['network', '--proxy-port', 'x'], /--proxy-port must/],
  [['registration', '--port', '99999'], /--port must/],
  [['registration', '--lifetime', '5'], /--lifetime must be a whole number from 60/],
  [['registration', '--bind', 'example.org'], /--bind must be an IPv4 address/],
];

for (const [args, message] of WRONG) {
  test(`kist-relay ${args.join(' ')} is refused in one line`, async () => {
    const { code, stdout, stderr } = await runCli(args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /^kist-relay: [^\n]* \[ERR_KIST_(USAGE|OPTION)\]\n$/);
  });
}

test('a variable of the environment with a wrong value is named', async () => {
  const { code, stderr } = await runCli(['tor61', '1', '2', '0'], { KIST_RELAY_REGISTRATION: 'host:port' });
  assert.equal(code, 2);
  assert.match(stderr, /KIST_RELAY_REGISTRATION must be HOST:PORT/);
});

test('with --json an error is a JSON line', async () => {
  const { code, stdout, stderr } = await runCli(['tor61', '0', '2', '0', '--json']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  const error = JSON.parse(stderr) as Record<string, unknown>;
  assert.deepEqual([error.event, error.code, error.exitCode], ['error', 'ERR_KIST_USAGE', 2]);
});

test('registration says where it is and ends cleanly by each signal', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const service = new CliProcess(['registration', '--port', '0', '--page-port', '0']);
    t.after(() => service.destroy());
    const [, url = ''] = await service.match(/Registration page is up on (\S+)\n/);
    assert.match(await (await fetch(url)).text(), /Tor61 registrations/);
    assert.deepEqual(await service.stop(signal), { code: 0, signal: null });
    assert.equal(service.lines.length, 2);
    assert.equal(service.stderr, '');
  }
});

test('registration --json prints JSON lines', async (t) => {
  const service = new CliProcess(['registration', '--port', '0', '--no-page', '--json']);
  t.after(() => service.destroy());
  await service.match(/\n/);
  const event = JSON.parse(service.lines[0] ?? '') as Record<string, unknown>;
  assert.deepEqual([event.event, event.address], ['registration', '127.0.0.1']);
  await service.stop();
  assert.equal(service.lines.length, 1);
});

test('a reader of standard output that goes away does not stop a service', async (t) => {
  const service = new CliProcess(['registration', '--port', '0', '--log-level', 'info']);
  t.after(() => service.destroy());
  service.child.stdout?.destroy();
  // The page line comes after the reader left; the log on standard error tells that the service went on.
  await service.match(/registration service is up/, 'stderr');
  assert.deepEqual(await service.stop(), { code: 0, signal: null });
});
