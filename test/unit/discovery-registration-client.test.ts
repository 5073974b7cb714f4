import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RegistrationClient } from '../../src/discovery/index.js';
import type { RegistrationClientOptions } from '../../src/discovery/index.js';
import type { RegistrationMessage, RegistrationPayload } from '../../src/dialect/tor61/registration-codec.js';
import { RegistrationService } from '../../src/registration/index.js';
import { ManualClock } from '../../src/util/clock.js';
import { createLogger } from '../../src/util/logger.js';
import { RawAgent, until } from './registration-support.js';

const RELAY = { name: 'Tor61Router-0001-0002', host: '127.0.0.1', port: 4000, agentId: 0x00010002 };
const REGISTERED: RegistrationPayload = { command: 'registered', lifetimeSeconds: 300 };

/** A service that does what each test tells it to: it keeps all requests and answers with what `answer` returns. */
class ScriptedService {
  readonly raw: RawAgent;
  answer: (message: RegistrationMessage, count: number) => RegistrationPayload | undefined = () => undefined;

  constructor(raw: RawAgent) {
    this.raw = raw;
    raw.onMessage = ({ message, from }): void => {
      const payload = this.answer(message, raw.received.length);
      if (payload !== undefined) raw.send({ ...payload, sequence: message.sequence }, from.port);
    };
  }

  get requests(): RegistrationMessage[] {
    return this.raw.received.map(({ message }) => message);
  }

  async waitFor(count: number): Promise<void> {
    await until(`${count} requests came`, () => this.raw.received.length >= count);
  }
}

interface Scene {
  service: ScriptedService;
  client: RegistrationClient;
  clock: ManualClock;
  log: string[];
}

async function setUp(t: TestContext, options: Partial<RegistrationClientOptions> = {}): Promise<Scene> {
  const clock = new ManualClock();
  const log: string[] = [];
  const service = new ScriptedService(await RawAgent.open());
  const logger = createLogger('info', { write: (line: string) => void log.push(line) });
  const port = service.raw.port;
  const client = await RegistrationClient.open({
    host: '127.0.0.1',
    port,
    clock,
    logger,
    random: () => 1,
    ...options,
  });
  t.after(async () => {
    const closed = client.close();
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(10_000);
    await closed;
    await service.raw.close();
  });
  return { service, client, clock, log };
}

/** Lets promise callbacks run that no socket is waited for. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('against the real service: register, fetch, renew at half the lifetime, unregister on close', async (t) => {
  const clock = new ManualClock();
  const service = await RegistrationService.start({ port: 0, clock, lifetimeSeconds: 100 });
  t.after(() => service.close());
  const host = '127.0.0.1';
  const client = await RegistrationClient.open({ host, port: service.address().port, clock });
  assert.equal(await client.register(RELAY), 100);
  const entry = { ip: '127.0.0.1', port: 4000, data: 0x00010002 };
  assert.deepEqual(await client.fetch('Tor61Router-'), [entry]);
  assert.deepEqual(await client.fetch('Other'), []);
  clock.advance(49_999);
  assert.equal(service.registrations()[0]?.expiresAt, 100_000);
  clock.advance(1);
  await until('it is renewed', () => service.registrations()[0]?.expiresAt === 150_000);
  await client.close();
  await client.close();
  assert.deepEqual(service.registrations(), []);
});

test('a Register is sent again every 4 s with the same number, and the next request has the next number', async (t) => {
  const { service, client, clock } = await setUp(t);
  service.answer = (message, count) =>
    count < 3
      ? undefined
      : message.command === 'register'
        ? REGISTERED
        : { command: 'fetchResponse', entries: [] };
  const registered = client.register(RELAY);
  await service.waitFor(1);
  clock.advance(3999);
  await settle();
  assert.equal(service.requests.length, 1);
  clock.advance(1);
  await service.waitFor(2);
  clock.advance(4000);
  assert.equal(await registered, 300);
  await client.fetch('x');
  const [first, ...rest] = service.requests.map(({ sequence }) => sequence);
  assert.deepEqual(rest, [first, first, (first as number) + 1]);
});

test('a Fetch is sent 3 times 3 s apart, then the error names the service and how to start one', async (t) => {
  const { service, client, clock } = await setUp(t);
  const { port } = service.raw;
  const fetched = assert.rejects(client.fetch('x'), {
    name: 'KistError',
    code: 'ERR_KIST_REGISTRATION_UNREACHABLE',
    kind: 'operator',
    message: new RegExp(`127\\.0\\.0\\.1:${port} .*no answer, 3 tries.*\`kist-relay registration\``),
  });
  for (let i = 1; i <= 3; i++) {
    await service.waitFor(i);
    clock.advance(3000);
  }
  await fetched;
  assert.equal(service.requests.length, 3);
});

test('a Register that failed is neither renewed nor taken back', async (t) => {
  const { service, client, clock } = await setUp(t, { tries: 1 });
  const failed = assert.rejects(client.register(RELAY), { code: 'ERR_KIST_REGISTRATION_UNREACHABLE' });
  await service.waitFor(1);
  clock.advance(4000);
  await failed;
  assert.equal(clock.pendingTimers, 0);
  await client.close();
  await settle();
  assert.equal(service.requests.length, 1);
});

test('nobody listens: tried again each second instead of every 4 s, and the error says so', async () => {
  const clock = new ManualClock();
  const gone = await RawAgent.open();
  const client = await RegistrationClient.open({ host: '127.0.0.1', port: gone.port, clock });
  await gone.close();
  let isDone = false;
  const failed = assert
    .rejects(client.register(RELAY), /cannot be reached \(.*ECONNREFUSED, 3 tries\)/)
    .finally(() => (isDone = true));
  await until('it fails, with less time passed than silence would take', () => {
    if (clock.now() < 8000) clock.advance(100);
    return isDone;
  });
  await failed;
  await client.close();
});

test('answers with another number, of another kind or from another address are ignored', async (t) => {
  const { service, client } = await setUp(t);
  const stranger = await RawAgent.open();
  t.after(() => stranger.close());
  const fetched = client.fetch('x');
  await service.waitFor(1);
  const { sequence } = service.requests[0] as RegistrationMessage;
  const wrong = { command: 'fetchResponse', entries: [{ ip: '9.9.9.9', port: 9, data: 9 }] } as const;
  stranger.send({ ...wrong, sequence }, client.port);
  service.raw.send({ ...wrong, sequence: (sequence + 1) & 0xff }, client.port);
  service.raw.send({ ...REGISTERED, sequence }, client.port);
  service.raw.send('c461', client.port);
  service.raw.send({ ...wrong, sequence }, client.port + 1);
  await settle();
  const right = { ip: '1.1.1.1', port: 1, data: 1 };
  service.raw.send({ command: 'fetchResponse', entries: [right, right], sequence }, client.port);
  assert.deepEqual(await fetched, [right], 'and an entry listed twice counts once');
});

test('fetches at the same time are asked one after the other', async (t) => {
  const { service, client } = await setUp(t);
  const prefixes = ['a', 'b', 'c'];
  const all = Promise.all(prefixes.map((prefix) => client.fetch(prefix)));
  await service.waitFor(1);
  await settle();
  assert.equal(service.requests.length, 1, 'the second waits for the first');
  service.answer = (message) => {
    const data = message.command === 'fetch' ? message.prefix.charCodeAt(0) : 0;
    return { command: 'fetchResponse', entries: [{ ip: '1.1.1.1', port: 1, data }] };
  };
  const { sequence } = service.requests[0] as RegistrationMessage;
  service.raw.send({ command: 'fetchResponse', entries: [], sequence }, client.port);
  const answers = await all;
  assert.deepEqual(
    answers.map((entries) => entries[0]?.data),
    [undefined, 98, 99],
  );
  assert.deepEqual(
    service.requests.map((message) => message.sequence),
    [0, 1, 2],
  );
});

test('the sequence number wraps after 255', async (t) => {
  const { service, client } = await setUp(t);
  service.answer = () => ({ command: 'fetchResponse', entries: [] });
  for (let i = 0; i < 258; i++) await client.fetch('');
  assert.deepEqual(
    service.requests.slice(254).map(({ sequence }) => sequence),
    [254, 255, 0, 1],
  );
});

test('Probes of the service are answered on both ports, those of strangers are not', async (t) => {
  const { service, client } = await setUp(t);
  const stranger = await RawAgent.open(0, '127.0.0.2');
  t.after(() => stranger.close());
  for (const port of [client.port, client.port + 1]) {
    const { message, from } = await service.raw.ask({ command: 'probe', sequence: 77 }, port);
    assert.deepEqual(message, { command: 'ack', sequence: 77 });
    assert.equal(from.port, port);
  }
  stranger.send({ command: 'probe', sequence: 1 }, client.port);
  stranger.send({ command: 'probe', sequence: 1 }, client.port + 1);
  await service.raw.ask({ command: 'probe', sequence: 78 }, client.port + 1);
  await settle();
  assert.equal(stranger.received.length, 0);
});

test('renewal goes on while the service is away, says so once, and once that it is back', async (t) => {
  const { service, client, clock, log } = await setUp(t);
  let isAway = false;
  service.answer = () => (isAway ? undefined : REGISTERED);
  await client.register(RELAY);
  isAway = true;
  clock.advance(150_000);
  const before = service.requests.length;
  for (let i = 0; i < 60; i++) {
    await settle();
    clock.advance(4000);
  }
  assert.ok(service.requests.length > before + 10, 'it never gives up');
  assert.deepEqual(log.length, 1);
  assert.match(log[0] ?? '', /cannot renew the registration/);
  isAway = false;
  await until('it is renewed', () => {
    clock.advance(1000);
    return log.length === 2;
  });
  assert.match(log[1] ?? '', /answers again/);
  const registers = new Set(service.requests.map((message) => message.command));
  assert.deepEqual([...registers], ['register']);
});

test('a restarted service learns of the relay at the next renewal', async (t) => {
  const clock = new ManualClock();
  const first = await RegistrationService.start({ port: 0, clock });
  const { port } = first.address();
  const client = await RegistrationClient.open({ host: '127.0.0.1', port, clock });
  await client.register(RELAY);
  await first.close();
  const second = await RegistrationService.start({ port, clock });
  t.after(async () => {
    await client.close();
    await second.close();
  });
  assert.equal(second.registrations().length, 0);
  clock.advance(150_000);
  await until('it is registered again', () => second.registrations().length === 1);
});

test('close in the middle of a Register gives it up and still takes it back', async (t) => {
  const { service, client } = await setUp(t);
  const registered = assert.rejects(client.register(RELAY), { code: 'ERR_KIST_CLOSED' });
  const queued = assert.rejects(client.fetch('x'), { code: 'ERR_KIST_CLOSED' });
  await service.waitFor(1);
  service.answer = () => ({ command: 'ack' });
  await client.close();
  await registered;
  await queued;
  assert.deepEqual(
    service.requests.map(({ command }) => command),
    ['register', 'unregister'],
  );
  await assert.rejects(client.fetch('x'), { code: 'ERR_KIST_CLOSED' });
});

test('close waits about 2 s at most for a silent service, and not at all for one that is gone', async (t) => {
  const { service, client, clock } = await setUp(t);
  service.answer = (message) => (message.command === 'register' ? REGISTERED : undefined);
  await client.register(RELAY);
  const closed = client.close();
  for (let i = 2; i <= 4; i++) {
    await service.waitFor(i);
    clock.advance(667);
  }
  await closed;

  const gone = new ScriptedService(await RawAgent.open());
  gone.answer = () => REGISTERED;
  const { port } = gone.raw;
  const other = await RegistrationClient.open({ host: '127.0.0.1', port, clock: new ManualClock() });
  await other.register(RELAY);
  await gone.raw.close();
  await other.close();
});

test('an aborted request ends at once, also while it waits for its turn', async (t) => {
  const { service, client } = await setUp(t);
  const controller = new AbortController();
  const first = assert.rejects(client.fetch('a', controller.signal), { message: 'enough' });
  const second = assert.rejects(client.fetch('b', controller.signal), { message: 'enough' });
  const third = client.fetch('c');
  await service.waitFor(1);
  service.answer = () => ({ command: 'fetchResponse', entries: [] });
  controller.abort(new Error('enough'));
  await Promise.all([first, second]);
  await third;
  const prefixes = service.requests.map((message) => (message.command === 'fetch' ? message.prefix : ''));
  assert.deepEqual(prefixes, ['a', 'c']);
});

test('a host name is resolved, and again when the service does not answer any more', async (t) => {
  const asked: string[] = [];
  const addresses = ['127.0.0.1', '127.0.0.2'];
  const resolve = async (host: string): Promise<string> => {
    asked.push(host);
    return addresses[Math.min(asked.length, 2) - 1] as string;
  };
  const { service, client, clock } = await setUp(t, { host: 'service.test', resolve, tries: 1 });
  service.answer = (_message, count) => (count === 1 ? REGISTERED : undefined);
  await client.register(RELAY);
  clock.advance(150_000);
  await service.waitFor(2);
  clock.advance(4000);
  await until('it is resolved again', () => asked.length === 2);
  const moved = new ScriptedService(await RawAgent.open(service.raw.port, '127.0.0.2'));
  t.after(() => moved.raw.close());
  moved.answer = () => REGISTERED;
  await settle();
  clock.advance(1000);
  await moved.waitFor(1);
  assert.equal(moved.requests[0]?.command, 'register');
  assert.deepEqual(asked, ['service.test', 'service.test']);
});

test('a name that cannot be resolved, or not in time, is an unreachable service', async () => {
  const clock = new ManualClock();
  const error = { code: 'ERR_KIST_REGISTRATION_UNREACHABLE', message: /nowhere\.test:46101 .*no such name/ };
  const resolve = async (): Promise<string> => {
    throw new Error('no such name');
  };
  await assert.rejects(RegistrationClient.open({ host: 'nowhere.test', resolve }), error);
  const never = (): Promise<string> => new Promise(() => undefined);
  const opened = assert.rejects(
    RegistrationClient.open({ host: 'slow.test', resolve: never, clock }),
    /slow\.test:46101 .*no answer within 5000 ms/,
  );
  clock.advance(5000);
  await opened;
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(RegistrationClient.open({ host: 'slow.test', resolve: never, signal }), /enough/);
});

test('wrong options are refused by name', async () => {
  const open = (options: Partial<RegistrationClientOptions>): Promise<unknown> =>
    RegistrationClient.open({ host: '127.0.0.1', ...options });
  await assert.rejects(open({ host: '' }), { name: 'TypeError', message: /^host must be/ });
  await assert.rejects(open({ port: 0 }), { name: 'TypeError', message: /^port must be/ });
  await assert.rejects(open({ bind: 'x' }), { name: 'TypeError', message: /^bind must be/ });
  await assert.rejects(open({ bind: '203.0.113.77' }), { code: 'ERR_KIST_BIND' });
});
