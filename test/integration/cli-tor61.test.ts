import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fetchThroughProxy } from '../../src/network/proxy-fetch.js';
import { DemoSite } from '../../src/network/demo-site.js';
import { CliProcess, startRegistration } from './cli-support.js';

let registration: { service: CliProcess; address: string };
let site: DemoSite;
const relays: CliProcess[] = [];

function startRelay(group: number, instance: number, ...more: string[]): CliProcess {
  const where = ['--registration', registration.address, '--allow-private-targets'];
  const relay = new CliProcess(['tor61', String(group), String(instance), '0', ...where, ...more]);
  relays.push(relay);
  return relay;
}

async function proxyPortOf(relay: CliProcess): Promise<number> {
  const [, port] = await relay.match(/^HTTP proxy is up on port (\d+)$/m);
  return Number(port);
}

before(async () => {
  registration = await startRegistration();
  site = await DemoSite.start();
});

after(async () => {
  await Promise.all([...relays, registration.service].map((process) => process.destroy()));
  await site.close();
});

test(
  'two relay processes build circuits through each other and carry a page',
  { timeout: 60_000 },
  async () => {
    const first = startRelay(3147, 2);
    const second = startRelay(57, 1);
    const routerPorts = await Promise.all(
      [first, second].map(async (relay) => (await relay.match(/^Tor61 router is up on port (\d+)$/m))[1]),
    );
    assert.match(first.stdout, /Tor61Router-3147-0002/);
    assert.match(second.stdout, /Tor61Router-0057-0001/);
    for (const relay of [first, second]) {
      const [line] = await relay.match(/^circuit: .*$/m);
      const names = line
        .replace(/ \(.*$/, '')
        .replace('circuit: ', '')
        .split(' -> ');
      assert.equal(names.length, 3);
      for (const name of names) assert.match(name, /^Tor61Router-(3147-0002|0057-0001)$/);
      for (const [, port] of line.matchAll(/127\.0\.0\.1:(\d+)/g))
        assert.ok(routerPorts.includes(port), line);
      assert.doesNotMatch(relay.stdout, /[^ -~\n]/, 'standard output is plain text');
      const proxy = { host: '127.0.0.1', port: await proxyPortOf(relay) };
      const page = site.resources.find(({ path }) => path === '/random.bin');
      const signal = AbortSignal.timeout(30_000);
      const got = await fetchThroughProxy(proxy, `${site.origin}/random.bin`, { signal });
      assert.equal(got.sha256, page?.sha256);
      assert.equal(relay.stderr, '', 'nothing is logged when all is well');
    }
    for (const relay of [first, second]) assert.deepEqual(await relay.stop(), { code: 0, signal: null });
    const left = await registration.service.match(/up on (\S+) \(UDP\)/);
    assert.equal(left[1], registration.address);
  },
);

test('--json prints circuit and stats events', { timeout: 60_000 }, async () => {
  const relay = startRelay(9, 9, '--json', '--threads', '2', '--schedulers', 'kist-lite');
  await relay.match(/"event":"circuit"/);
  await relay.match(/"event":"stats"/);
  await relay.stop();
  const events = relay.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const first = (name: string): Record<string, unknown> => events.find(({ event }) => event === name) ?? {};
  assert.equal(first('router').name, 'Tor61Router-0009-0009');
  assert.ok(Number.isInteger(first('proxy').port));
  assert.equal((first('circuit').hops as unknown[]).length, 3);
  const { reactors } = first('stats').dataPlane as { reactors: { policy: string }[] };
  assert.deepEqual(
    reactors.map(({ policy }) => policy),
    ['kist-lite', 'kist-lite'],
  );
});

test('a stopped relay is no longer registered', { timeout: 60_000 }, async () => {
  const service = new CliProcess(['registration', '--port', '0', '--page-port', '0']);
  relays.push(service);
  const [, address = ''] = await service.match(/up on (127\.0\.0\.1:\d+) \(UDP\)/);
  const [, url = ''] = await service.match(/page is up on (\S+)/);
  const count = async (): Promise<number> => {
    const answer = (await (await fetch(`${url}registrations.json`)).json()) as { registrations: unknown[] };
    return answer.registrations.length;
  };
  const relay = startRelay(7, 7, '--registration', address);
  await proxyPortOf(relay);
  assert.equal(await count(), 1);
  await relay.stop('SIGINT');
  assert.equal(await count(), 0);
});

test('a second signal ends a slow stop at once', { timeout: 60_000 }, async () => {
  const { service, address } = await startRegistration();
  relays.push(service);
  const relay = startRelay(8, 8, '--registration', address);
  await relay.match(/^circuit: /m);
  // A stopped service answers no Unregister, so the clean stop has to wait for its deadline.
  service.child.kill('SIGSTOP');
  relay.child.kill('SIGTERM');
  await relay.match(/^Stopping/m);
  relay.child.kill('SIGTERM');
  assert.deepEqual(await relay.exit, { code: 143, signal: null });
  service.child.kill('SIGCONT');
});

test('a stop without the registration service ends within 5 s', { timeout: 60_000 }, async () => {
  const { service, address } = await startRegistration();
  relays.push(service);
  const relay = startRelay(8, 9, '--registration', address);
  await relay.match(/^circuit: /m);
  service.child.kill('SIGSTOP');
  assert.deepEqual(await relay.stop('SIGTERM'), { code: 0, signal: null });
  service.child.kill('SIGCONT');
});
