import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { EXIT, exitCodeOf } from '../../src/cli/exit-codes.js';
import { checkPlatform } from '../../src/cli/platform.js';
import { KistError } from '../../src/util/errors.js';
import { CliProcess, runCli, startRegistration } from './cli-support.js';

test('each error has its exit code, an unknown one 1', () => {
  const codes: [string, number][] = [
    ['ERR_KIST_USAGE', 2],
    ['ERR_KIST_REGISTRATION_UNREACHABLE', 3],
    ['ERR_KIST_LISTEN', 4],
    ['EADDRINUSE', 4],
    ['ERR_KIST_ADDON', 5],
    ['ERR_KIST_SMOKE', 6],
    ['ERR_KIST_TIMEOUT', 1],
  ];
  for (const [code, exit] of codes) assert.equal(exitCodeOf(new KistError(code, 'x')), exit, code);
  assert.equal(exitCodeOf('thrown text'), EXIT.unexpected);
});

test('another system or an old Node is told from this one', () => {
  assert.throws(() => checkPlatform('darwin', '22.0.0'), {
    code: 'ERR_KIST_PLATFORM',
    message: /Linux.*darwin/,
  });
  assert.throws(() => checkPlatform('linux', '18.20.1'), {
    code: 'ERR_KIST_PLATFORM',
    message: /20\.19.*18\.20\.1/,
  });
  assert.throws(() => checkPlatform('linux', '20.9.0'), { code: 'ERR_KIST_PLATFORM' });
  for (const node of ['20.19.0', '22.0.0', '24.1.0']) checkPlatform('linux', node);
});

test('without a registration service: 3, and how to start one', { timeout: 60_000 }, async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  const { code, stdout, stderr } = await runCli([
    'tor61',
    '1',
    '1',
    '0',
    '--registration',
    `127.0.0.1:${port}`,
  ]);
  assert.equal(code, 3);
  assert.match(
    stderr,
    new RegExp(
      `127\\.0\\.0\\.1:${port}.*kist-relay registration.*\\[ERR_KIST_REGISTRATION_UNREACHABLE\\]\n$`,
    ),
  );
  assert.equal(stderr.trimEnd().split('\n').length, 1);
  assert.doesNotMatch(stdout, /is up/);
});

test('a registration port in use: 4', async (t) => {
  const { service, address } = await startRegistration();
  t.after(() => service.destroy());
  const port = address.split(':')[1] ?? '';
  const { code, stderr } = await runCli(['registration', '--port', port]);
  assert.equal(code, 4);
  assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
});

test('a proxy port or router port in use: 4', { timeout: 60_000 }, async (t) => {
  const { service, address } = await startRegistration();
  t.after(() => service.destroy());
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const port = String((server.address() as AddressInfo).port);
  const proxy = await runCli(['tor61', '1', '1', port, '--registration', address]);
  assert.equal(proxy.code, 4);
  assert.match(proxy.stderr, new RegExp(`${port}`));
  const router = await runCli(['tor61', '1', '1', '0', '--router-port', port, '--registration', address]);
  assert.equal(router.code, 4);
  assert.match(router.stderr, new RegExp(`${port}`));
});

test('an addon that does not load: 5', async (t) => {
  const { service, address } = await startRegistration();
  t.after(() => service.destroy());
  const env = { KIST_RELAY_ADDON: '/nonexistent/kist_relay.node' };
  for (const args of [['tor61', '1', '1', '0', '--registration', address], ['network']]) {
    const { code, stderr } = await runCli(args, env);
    assert.equal(code, 5);
    assert.match(stderr, /^kist-relay: cannot load .*\/nonexistent\/kist_relay\.node.*\[ERR_KIST_ADDON\]\n$/);
  }
});

test(
  'an address that is not ours: 4; a congestion control that the kernel lacks: 2',
  { timeout: 60_000 },
  async (t) => {
    const { service, address } = await startRegistration();
    t.after(() => service.destroy());
    const args = ['tor61', '1', '1', '0', '--registration', address];
    const foreign = await runCli([...args, '--bind', '192.0.2.1']);
    assert.equal(foreign.code, 4);
    assert.match(foreign.stderr, /192\.0\.2\.1/);
    const lacking = await runCli([...args, '--congestion-control', 'none-such']);
    assert.equal(lacking.code, 2);
    assert.match(lacking.stderr, /--congestion-control must be .*"none-such"/);
  },
);

test('the registration service and the help need no addon', async (t) => {
  const env = { KIST_RELAY_ADDON: '/nonexistent/kist_relay.node' };
  assert.equal((await runCli(['--help'], env)).code, 0);
  const service = new CliProcess(['registration', '--port', '0', '--no-page'], { env });
  t.after(() => service.destroy());
  await service.match(/is up on/);
  assert.equal((await service.stop()).code, 0);
});
