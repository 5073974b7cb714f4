import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { CliProcess } from '../cli-support.js';
import { fetchOver } from './support-socks.js';
import { torMissing } from './support.js';

function run(...args: readonly string[]): CliProcess {
  return new CliProcess(args);
}

test(
  'the testnet prints a SOCKS port that works and a line to try it, and Ctrl-C ends all of it',
  { skip: torMissing(), timeout: 180_000 },
  async (t) => {
    const cli = run('testnet', '--with-tor', '--authorities', '1');
    t.after(() => cli.destroy());
    // Longer than one match waits: the network takes its time on a busy machine.
    await cli.match(/keys of 3 nodes are made/);
    await cli.match(/the first consensus is there/);
    const [, socks = '', site = ''] = await cli.match(
      /Try it: {2}curl --socks5-hostname 127\.0\.0\.1:(\d+) (http:\S+)/,
    );
    const [, folder = ''] = await cli.match(/Files and logs are in (\S+);/);
    assert.equal((cli.stdout.match(/^authority /gm) ?? []).length, 1);
    assert.equal((cli.stdout.match(/^tor /gm) ?? []).length, 1);
    assert.equal((cli.stdout.match(/^ours /gm) ?? []).length, 2);
    assert.match(
      cli.stdout,
      /^ {2}DirAuthority auth1 orport=\d+ v3ident=[0-9A-F]{40} 127\.0\.0\.1:\d+ [0-9A-F]{40}$/m,
    );
    const target = { socksPort: Number(socks), host: '127.0.0.1', port: Number(new URL(site).port) };
    const { status, text } = await fetchOver(target, '/');
    assert.equal(status, 200);
    assert.match(text, /It came through the circuit/);
    assert.ok(existsSync(folder));
    assert.deepEqual(await cli.stop('SIGINT'), { code: 0, signal: null });
    assert.equal(existsSync(folder), false);
  },
);

test('Ctrl-C in the middle of the start ends it, too', { skip: torMissing(), timeout: 60_000 }, async (t) => {
  const cli = run('testnet', '--with-tor', '--authorities', '1', '--tor-relays', '2');
  t.after(() => cli.destroy());
  const [, folder = ''] = await cli.match(/keys of 4 nodes are made in (\S+)/);
  assert.deepEqual(await cli.stop('SIGINT'), { code: 0, signal: null });
  assert.equal(existsSync(folder), false);
});

test('what the network cannot do is refused with the option named', { timeout: 30_000 }, async () => {
  const wrong: [string[], RegExp][] = [
    [[], /--with-tor/],
    [['--with-tor', '--exits', '0'], /--exits or --tor-exits must be above 0/],
    [['--with-tor', '--voting-interval', '5'], /--voting-interval must be/],
  ];
  for (const [args, message] of wrong) {
    const cli = run('testnet', ...args);
    assert.equal((await cli.exit).code, 2);
    assert.match(cli.stderr, message);
  }
});
