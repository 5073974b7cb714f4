import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { MAX_FETCH_ENTRIES } from '../../src/dialect/tor61/registration-codec.js';
import type { RegistrationMessage } from '../../src/dialect/tor61/registration-codec.js';
import { RegistrationService } from '../../src/registration/index.js';
import type { RegistrationServiceOptions } from '../../src/registration/index.js';
import { ManualClock } from '../../src/util/clock.js';
import { RawAgent, until } from './registration-support.js';

const OFF = { probeIntervalMs: 0 };

async function setUp(
  t: TestContext,
  options: RegistrationServiceOptions = {},
): Promise<{ service: RegistrationService; port: number; agent: RawAgent; clock: ManualClock }> {
  const clock = new ManualClock();
  const service = await RegistrationService.start({ port: 0, clock, ...OFF, ...options });
  const agent = await RawAgent.open();
  t.after(() => Promise.all([service.close(), agent.close()]));
  return { service, port: service.address().port, agent, clock };
}

function register(port: number, name = 'Tor61Router-0001-0001', ip = '10.0.0.1'): RegistrationMessage {
  return { command: 'register', sequence: 1, ip, port, data: port, name };
}

test('Register, Fetch by prefix, Unregister: each is answered with the sequence number it came with', async (t) => {
  const { service, port, agent } = await setUp(t);
  // Register 10.0.0.1:4000, data 0x00010001, name "ab", sequence 5.
  const registered = await agent.ask('c46105010a0000010fa00001000102' + '6162', port);
  assert.equal(registered.hex, 'c4610502012c', 'lifetime 300 s');
  assert.equal((await agent.ask('c46106030161', port)).hex, 'c4610604010a0000010fa000010001', 'prefix a');
  assert.equal((await agent.ask('c4610703026163', port)).hex, 'c461070400', 'prefix ac');
  assert.equal((await agent.ask('c46108050a0000010fa0', port)).hex, 'c4610807');
  assert.equal((await agent.ask('c46109050a0000010fa0', port)).hex, 'c4610907', 'unknown, answered too');
  assert.equal((await agent.ask('c4610a06', port)).hex, 'c4610a07', 'Probe');
  assert.equal((await agent.ask('c4610b0300', port)).hex, 'c4610b0400', 'nothing is left');
  assert.deepEqual(service.stats().answered, 7);
});

test('the service names its port and binds loopback by default', async (t) => {
  const { service } = await setUp(t);
  assert.equal(service.address().address, '127.0.0.1');
});

test('a repeated Register renews the one entry and a changed one replaces it', async (t) => {
  const { service, port, agent, clock } = await setUp(t);
  await agent.ask(register(4000), port);
  clock.advance(200_000);
  await agent.ask(register(4000, 'other'), port);
  await agent.ask(register(4000, 'other'), port);
  assert.equal(service.registrations().length, 1);
  const [only] = service.registrations();
  assert.equal(only?.name, 'other');
  assert.equal(only?.since, 0, 'the age counts from the first Register');
  assert.equal(only?.expiresAt, 500_000);
});

test('an entry ends after its lifetime, not before', async (t) => {
  const { service, port, agent, clock } = await setUp(t, { lifetimeSeconds: 100 });
  await agent.ask(register(4000), port);
  clock.advance(99_999);
  assert.equal(service.registrations().length, 1);
  clock.advance(1);
  assert.equal(service.registrations().length, 0);
  const answer = await agent.ask({ command: 'fetch', sequence: 2, prefix: '' }, port);
  assert.deepEqual(answer.message, { command: 'fetchResponse', sequence: 2, entries: [] });
  assert.equal(service.stats().expired, 1);
});

test('0.0.0.0 stands for the address the datagram came from; other addresses are kept as given', async (t) => {
  const { service, port, agent } = await setUp(t);
  await agent.ask(register(4000, 'a', '0.0.0.0'), port);
  await agent.ask(register(4001, 'b', '203.0.113.9'), port);
  assert.deepEqual(
    service.registrations().map(({ ip }) => ip),
    ['127.0.0.1', '203.0.113.9'],
  );
  await agent.ask({ command: 'unregister', sequence: 1, ip: '0.0.0.0', port: 4000 }, port);
  assert.equal(service.registrations().length, 1);
});

test('an answer holds at most 100 entries, drawn at random from all that match', async (t) => {
  const draws: number[] = [];
  const random = (): number => (draws.push(0), 0.999);
  const { port, agent } = await setUp(t, { random });
  for (let i = 0; i < 150; i++) await agent.ask(register(1000 + i), port);
  const { message } = await agent.ask({ command: 'fetch', sequence: 1, prefix: 'Tor61Router-' }, port);
  assert.ok(message.command === 'fetchResponse');
  const ports = new Set(message.entries.map((entry) => entry.port));
  assert.equal(ports.size, MAX_FETCH_ENTRIES, 'no entry twice');
  assert.equal(draws.length, MAX_FETCH_ENTRIES);
  assert.equal(message.entries[0]?.port, 1149, 'the drawn place comes first');
});

test('malformed and misdirected datagrams are counted and dropped, and the service lives on', async (t) => {
  const { service, port, agent } = await setUp(t);
  const bad = ['', '00', 'ffff0001', 'c4610001', 'c46100ff', 'c461000200ff', 'c461000400', 'c46100030561'];
  for (const hex of bad) agent.send(hex, port);
  agent.send(register(0), port);
  agent.send('aa'.repeat(9000), port);
  await until('all have arrived', () => service.stats().received === bad.length + 2);
  assert.equal(service.stats().dropped, bad.length + 2);
  assert.equal((await agent.ask('c4610a06', port)).hex, 'c4610a07');
  assert.equal(agent.received.length, 1, 'none of them was answered');
  const log = service.logLines();
  assert.ok(log.some((line) => line.includes('dropped: unknown command 255')));
  assert.ok(log.some((line) => line.includes('dropped: port 0 cannot be connected to')));
  assert.ok(log.some((line) => line.endsWith('... (9000 bytes)') && line.length < 700));
});

test('the log shows each datagram as hex and as a message, and keeps 250 lines', async (t) => {
  const { service, port, agent } = await setUp(t);
  await agent.ask('c4610703026162', port);
  const [hex, parsed, answer] = service.logLines();
  assert.match(hex ?? '', new RegExp(`^1970-01-01T\\S+ from 127.0.0.1:${agent.port}: c4610703026162$`));
  assert.match(parsed ?? '', /fetch seq=7 prefix="ab"$/);
  assert.match(answer ?? '', /to 127.0.0.1:\d+: fetchResponse seq=7 0 entries$/);
  for (let i = 0; i < 100; i++) await agent.ask('c4610a06', port);
  assert.equal(service.logLines().length, 250);
});

test('the table is bounded, in all and per sender, and renewals still work when it is full', async (t) => {
  const { service, port, agent } = await setUp(t, { capacity: 3, perAddress: 2 });
  await agent.ask(register(4000), port);
  await agent.ask(register(4001), port);
  agent.send(register(4002), port);
  await until('it was refused', () => service.stats().refused === 1);
  const renewed = await agent.ask(register(4001), port);
  assert.equal(renewed.message.command, 'registered');
  assert.equal(service.stats().registrations, 2);
  await agent.ask({ command: 'unregister', sequence: 1, ip: '10.0.0.1', port: 4000 }, port);
  assert.equal((await agent.ask(register(4002), port)).message.command, 'registered');
});

test('a whole table turns new entries away', async (t) => {
  const { service, port, agent } = await setUp(t, { capacity: 1 });
  await agent.ask(register(4000), port);
  agent.send(register(4001), port);
  await until('it was refused', () => service.stats().refused === 1);
  assert.match(service.logLines().at(-1) ?? '', /refused: table full$/);
});

test('an agent that answered Probes and then stops is dropped; one that never answers stays', async (t) => {
  const { service, port, agent, clock } = await setUp(t, { probeIntervalMs: 10_000, probeMisses: 2 });
  const [requests, probes] = await RawAgent.openPair();
  t.after(() => Promise.all([requests.close(), probes.close()]));
  await requests.ask(register(4000, 'answers'), port);
  await agent.ask(register(4001, 'silent'), port);
  clock.advance(10_000);
  await until('the Probe came to P + 1', () => probes.received.length === 1);
  const { message } = probes.received[0] as { message: RegistrationMessage };
  assert.equal(message.command, 'probe');
  probes.send({ command: 'ack', sequence: message.sequence }, port);
  await until('the ACK arrived', () => service.stats().received === 3);
  clock.advance(20_000);
  assert.equal(service.registrations().length, 2, 'two missed Probes are waited out');
  clock.advance(10_000);
  assert.deepEqual(
    service.registrations().map(({ name }) => name),
    ['silent'],
  );
  assert.equal(service.stats().gone, 1);
});

test('a Register counts as a sign of life', async (t) => {
  const { service, port, clock } = await setUp(t, { probeIntervalMs: 10_000, probeMisses: 2 });
  const [requests, probes] = await RawAgent.openPair();
  t.after(() => Promise.all([requests.close(), probes.close()]));
  await requests.ask(register(4000), port);
  clock.advance(10_000);
  await until('the Probe came', () => probes.received.length === 1);
  probes.send({ command: 'ack', sequence: 0 }, port);
  await until('the ACK arrived', () => service.stats().received === 2);
  clock.advance(20_000);
  await requests.ask(register(4000), port);
  clock.advance(10_000);
  assert.equal(service.registrations().length, 1);
});

test('wrong options are refused by name', async () => {
  const cases: [RegistrationServiceOptions, RegExp][] = [
    [{ port: 65536 }, /^port must be an integer from 0 to 65535, got 65536/],
    [{ bind: 'localhost' }, /^bind must be a dotted IPv4 address, got "localhost"/],
    [{ port: 0, lifetimeSeconds: 30 }, /^lifetimeSeconds must be an integer from 60 to 65535, got 30/],
    [{ capacity: 0 }, /^capacity must be/],
    [{ probeIntervalMs: -1 }, /^probeIntervalMs must be/],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(RegistrationService.start(options), { name: 'TypeError', message });
  }
});

test('a port in use is an error that names it', async (t) => {
  const { port } = await setUp(t);
  const message = new RegExp(`cannot bind UDP 127.0.0.1:${port}`);
  await assert.rejects(RegistrationService.start({ port }), { code: 'ERR_KIST_BIND', message });
});

test('close releases the port and may be called twice', async (t) => {
  const { service, port, clock } = await setUp(t);
  await Promise.all([service.close(), service.close()]);
  assert.equal(clock.pendingTimers, 0);
  const next = await RegistrationService.start({ port });
  await next.close();
});
