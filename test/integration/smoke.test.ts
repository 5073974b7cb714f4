import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliProcess, runCli } from './cli-support.js';

test('network --smoke checks every byte and every hop and exits 0', { timeout: 90_000 }, async () => {
  const { code, stdout, stderr } = await runCli(['network', '--smoke', '--proxy-port', '0']);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  const hops = [
    ...stdout.matchAll(/^hop \d: (\S+) carried (\d+) DATA cells away from the origin, (\d+) toward it$/gm),
  ];
  assert.equal(hops.length, 3);
  assert.equal(new Set(hops.map(([, name]) => name)).size, 3);
  for (const [, , away, toward] of hops) {
    assert.ok(Number(away) * 498 >= 5_000_000);
    assert.ok(Number(toward) * 498 >= 5_000_000);
  }
  assert.match(stdout, /^Smoke test passed/m);
});

test('network --smoke --json reports in JSON lines, with two reactors', { timeout: 90_000 }, async () => {
  const { code, lines } = await runCli([
    'network',
    '--smoke',
    '--json',
    '--threads',
    '2',
    '--proxy-port',
    '0',
  ]);
  assert.equal(code, 0);
  const events = lines.map((line) => JSON.parse(line) as { event: string; hops?: unknown[] });
  assert.equal(events.find(({ event }) => event === 'smoke')?.hops?.length, 3);
});

test(
  'network prints its circuit and two curl lines, takes the next free port, and ends cleanly',
  { timeout: 90_000 },
  async (t) => {
    const first = new CliProcess(['network', '--relays', '3']);
    t.after(() => first.destroy());
    const [, port] = await first.match(/HTTP proxy is up on 127\.0\.0\.1:(\d+)/);
    const second = new CliProcess(['network', '--relays', '3', '--proxy-port', String(port)]);
    t.after(() => second.destroy());
    const [, next] = await second.match(/HTTP proxy is up on 127\.0\.0\.1:(\d+)/);
    assert.ok(Number(next) > Number(port));
    const [, url = ''] = await second.match(
      /curl -x http:\/\/127\.0\.0\.1:\d+ (http:\/\/127\.0\.0\.1:\d+\/)/,
    );
    assert.match(await (await fetch(url)).text(), /It came through the circuit/);
    await second.match(
      /^circuit: Tor61Router-\d{4}-\d{4} -> Tor61Router-\d{4}-\d{4} -> Tor61Router-\d{4}-\d{4} \(/m,
    );
    assert.doesNotMatch(second.stdout, /[^ -~\n]/, 'no control characters without a terminal');
    assert.deepEqual(await second.stop('SIGINT'), { code: 0, signal: null });
    assert.deepEqual(await first.stop('SIGTERM'), { code: 0, signal: null });
    assert.equal(first.stderr + second.stderr, '');
  },
);
