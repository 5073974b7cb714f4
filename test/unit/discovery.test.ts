import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { DISCOVERIES, RegistrationDiscovery, StaticDiscovery } from '../../src/discovery/index.js';
import type { RegistrationDiscoveryOptions, RelayRecord } from '../../src/discovery/index.js';
import { RegistrationService } from '../../src/registration/index.js';
import { ManualClock } from '../../src/util/clock.js';
import { RawAgent, until } from './registration-support.js';

function relay(instance: number): RelayRecord {
  const name = `Tor61Router-0001-000${instance}`;
  return { name, host: '127.0.0.1', port: 4000 + instance, agentId: 0x00010000 + instance };
}

interface Scene {
  service: RegistrationService;
  open: (options?: Partial<RegistrationDiscoveryOptions>) => Promise<RegistrationDiscovery>;
}

async function setUp(t: TestContext): Promise<Scene> {
  const service = await RegistrationService.start({ port: 0 });
  const opened: RegistrationDiscovery[] = [];
  t.after(async () => {
    for (const discovery of opened) await discovery.close();
    await service.close();
  });
  return {
    service,
    open: async (options = {}) => {
      const { port } = service.address();
      const discovery = await RegistrationDiscovery.open({ host: '127.0.0.1', port, ...options });
      opened.push(discovery);
      return discovery;
    },
  };
}

function byPort(relays: RelayRecord[]): RelayRecord[] {
  return [...relays].sort((a, b) => a.port - b.port);
}

test('announced relays find each other with names, and are gone after close', async (t) => {
  const { open } = await setUp(t);
  const [first, second] = [await open(), await open()];
  await first.announce(relay(1));
  await second.announce(relay(2));
  assert.deepEqual(byPort(await first.relays()), [relay(1), relay(2)]);
  await second.close();
  assert.deepEqual(await first.relays(), [relay(1)]);
  await assert.rejects(second.relays(), { code: 'ERR_KIST_CLOSED' });
});

test('only names with the prefix count; entries that nobody can connect to are left out', async (t) => {
  const { service, open } = await setUp(t);
  const agent = await RawAgent.open();
  t.after(() => agent.close());
  const { port } = service.address();
  const entries: [string, string, number][] = [
    ['Tor61Router-0002-0001', '127.0.0.1', 5001],
    ['Tor61Router-0002-0002', '224.0.0.1', 5002],
    ['Tor61Router-0002-0003', '0.1.2.3', 5003],
    ['Tor61Router-0003-0001', '127.0.0.1', 5004],
    ['Web', '127.0.0.1', 5005],
  ];
  for (const [name, ip, to] of entries) {
    await agent.ask({ command: 'register', sequence: 0, ip, port: to, data: 0xfedc0000 + to, name }, port);
  }
  const all = await (await open()).relays();
  assert.deepEqual(
    byPort(all).map((record) => record.port),
    [5001, 5004],
  );
  assert.equal(byPort(all)[0]?.name, 'agent-fedc1389', 'an agent ID outside the rule still has a name');
  const group = await (await open({ prefix: 'Tor61Router-0002' })).relays();
  assert.deepEqual(
    group.map((record) => record.port),
    [5001],
  );
});

test('a relay on any address is announced with the address that reaches the service', async (t) => {
  const { service, open } = await setUp(t);
  const discovery = await open({ bind: '0.0.0.0' });
  await discovery.announce({ ...relay(1), host: '0.0.0.0' });
  assert.equal(service.registrations()[0]?.ip, '127.0.0.1');
});

test('callers at the same time share one Fetch; while the service is away the last list is used', async (t) => {
  const { service, open } = await setUp(t);
  const clock = new ManualClock();
  const discovery = await open({ clock, tries: 1 });
  await discovery.announce(relay(1));
  const { received } = service.stats();
  const lists = await Promise.all([discovery.relays(), discovery.relays(), discovery.relays()]);
  assert.equal(service.stats().received, received + 1);
  lists[0]?.pop();
  assert.deepEqual(lists[1], [relay(1)], 'each caller has an array of its own');
  await service.close();
  let known: RelayRecord[] | undefined;
  const asked = discovery.relays().then((relays) => (known = relays));
  await until('the last list is given', () => {
    clock.advance(100);
    return known !== undefined;
  });
  await asked;
  assert.deepEqual(known, [relay(1)]);
});

test('without a service the first question is an error', async () => {
  const free = await RawAgent.open();
  const { port } = free;
  await free.close();
  const clock = new ManualClock();
  const discovery = await RegistrationDiscovery.open({ host: '127.0.0.1', port, clock, tries: 1 });
  let error: unknown;
  const asked = discovery.relays().catch((reason: unknown) => (error = reason));
  await until('it fails', () => {
    clock.advance(100);
    return error !== undefined;
  });
  await asked;
  assert.equal((error as { code: string }).code, 'ERR_KIST_REGISTRATION_UNREACHABLE');
  await discovery.close();
});

test('a static list gives its relays, once per address, and what was announced to it', async () => {
  const discovery = new StaticDiscovery({ relays: [relay(1), relay(2), relay(1)] });
  await discovery.announce(relay(3));
  assert.deepEqual(await discovery.relays(), [relay(1), relay(2), relay(3)]);
  await discovery.close();
  await assert.rejects(discovery.relays(), { code: 'ERR_KIST_CLOSED' });
});

test('wrong records are refused by name', async () => {
  const wrong = (part: Partial<RelayRecord>): (() => unknown) => {
    return () => new StaticDiscovery({ relays: [relay(1), { ...relay(2), ...part }] });
  };
  assert.throws(wrong({ host: 'localhost' }), { name: 'TypeError', message: /^relays\[1\]\.host must be/ });
  assert.throws(wrong({ port: 0 }), { name: 'TypeError', message: /^relays\[1\]\.port must be/ });
  assert.throws(wrong({ agentId: -1 }), { name: 'TypeError', message: /^relays\[1\]\.agentId must be/ });
});

test('every source in the table opens, answers and closes', async (t) => {
  const { service } = await setUp(t);
  const options = {
    registration: { host: '127.0.0.1', port: service.address().port },
    static: { relays: [] },
  };
  const sources = [DISCOVERIES.registration(options.registration), DISCOVERIES.static(options.static)];
  assert.equal(sources.length, Object.keys(DISCOVERIES).length);
  for (const discovery of await Promise.all(sources)) {
    await discovery.announce(relay(1));
    assert.deepEqual(await discovery.relays(), [relay(1)]);
    await Promise.all([discovery.close(), discovery.close()]);
    await assert.rejects(discovery.relays(), { code: 'ERR_KIST_CLOSED' });
  }
});
