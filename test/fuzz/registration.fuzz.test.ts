import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  MAX_FETCH_ENTRIES,
  decodeRegistration,
  describeRegistration,
  encodeRegistration,
} from '../../src/dialect/tor61/registration-codec.js';
import type { RegistrationMessage } from '../../src/dialect/tor61/registration-codec.js';
import { RegistrationClient } from '../../src/discovery/index.js';
import { RegistrationService } from '../../src/registration/index.js';
import { ManualClock } from '../../src/util/clock.js';
import { KistError } from '../../src/util/errors.js';
import { RawAgent, until } from '../unit/registration-support.js';

const sequence = fc.integer({ min: 0, max: 255 });
const port = fc.integer({ min: 0, max: 65535 });
const data = fc.integer({ min: 0, max: 0xffffffff });
const ip = fc.ipV4();
const text = fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const plain = { noNullPrototype: true };
const entries = fc.array(fc.record({ ip, port, data }, plain), { maxLength: 255 });

const message: fc.Arbitrary<RegistrationMessage> = fc.oneof(
  fc.record({ command: fc.constant('register' as const), sequence, ip, port, data, name: text }, plain),
  fc.record({ command: fc.constant('registered' as const), sequence, lifetimeSeconds: port }, plain),
  fc.record({ command: fc.constant('fetch' as const), sequence, prefix: text }, plain),
  fc.record({ command: fc.constant('fetchResponse' as const), sequence, entries }, plain),
  fc.record({ command: fc.constant('unregister' as const), sequence, ip, port }, plain),
  fc.record({ command: fc.constant('probe' as const), sequence }, plain),
  fc.record({ command: fc.constant('ack' as const), sequence }, plain),
);

/** Datagrams at and around the edge of the format: noise, noise after a header, messages cut, grown or changed. */
const datagram: fc.Arbitrary<Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(sequence, fc.integer({ min: 0, max: 9 }), fc.uint8Array({ maxLength: 300 }))
    .map(([number, command, rest]) => Buffer.from([0xc4, 0x61, number, command, ...rest])),
  fc.tuple(message, fc.nat(300)).map(([value, length]) => encodeRegistration(value).subarray(0, length)),
  fc
    .tuple(message, fc.uint8Array({ maxLength: 4 }))
    .map(([value, tail]) => Buffer.concat([encodeRegistration(value), tail])),
  fc.tuple(message, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([value, at, byte]) => {
    const bytes = encodeRegistration(value);
    bytes[at % bytes.length] = byte;
    return bytes;
  }),
);

function decodeOrUndefined(bytes: Buffer): RegistrationMessage | undefined {
  try {
    return decodeRegistration(bytes);
  } catch (error) {
    assert.ok(error instanceof KistError, String(error));
    assert.equal(error.code, 'ERR_KIST_REGISTRATION_MESSAGE');
    return undefined;
  }
}

test('every message survives being written and read', () => {
  fc.assert(
    fc.property(message, (value) => assert.deepEqual(decodeRegistration(encodeRegistration(value)), value)),
    { numRuns: 2000 },
  );
});

test('any datagram is read or refused with a KistError, and what is read is all that was in it', () => {
  fc.assert(
    fc.property(datagram, (bytes) => {
      const value = decodeOrUndefined(bytes);
      if (value === undefined) return;
      assert.deepEqual(encodeRegistration(value), bytes);
      assert.match(describeRegistration(value), /^[ -~]+$/);
    }),
    { numRuns: 5000, examples: [[Buffer.alloc(0)], [Buffer.from('c4610004ff', 'hex')]] },
  );
});

/** What a service with room must answer to a datagram, as far as it can be said without knowing its table. */
function expectedAnswer(value: RegistrationMessage | undefined): RegistrationMessage['command'] | undefined {
  switch (value?.command) {
    case 'register':
      return value.port === 0 ? undefined : 'registered';
    case 'fetch':
      return 'fetchResponse';
    case 'unregister':
    case 'probe':
      return 'ack';
    default:
      return undefined;
  }
}

test('a service answers requests, in their kind and with their number, and nothing else', async (t) => {
  const clock = new ManualClock();
  const capacity = 200;
  const service = await RegistrationService.start({ port: 0, clock, capacity, perAddress: capacity });
  const agent = await RawAgent.open();
  t.after(() => Promise.all([service.close(), agent.close()]));
  const to = service.address().port;
  await fc.assert(
    fc.asyncProperty(fc.array(datagram, { maxLength: 8 }), async (datagrams) => {
      clock.advance(20_000);
      const answers: { command: string; sequence: number }[] = [];
      for (const bytes of datagrams) {
        const value = decodeOrUndefined(bytes);
        const command = expectedAnswer(value);
        if (value !== undefined && command !== undefined) answers.push({ command, sequence: value.sequence });
        agent.send(bytes.toString('hex'), to);
      }
      agent.received.length = 0;
      // A Probe at the end: loopback keeps the order, so its answer is the last one.
      agent.send({ command: 'probe', sequence: 200 }, to);
      answers.push({ command: 'ack', sequence: 200 });
      await until('all answers came', () => agent.received.length >= answers.length);
      const got = agent.received.map((received) => received.message);
      assert.deepEqual(
        got.map(({ command, sequence: number }) => ({ command, sequence: number })),
        answers,
      );
      for (const value of got) {
        if (value.command === 'fetchResponse') assert.ok(value.entries.length <= MAX_FETCH_ENTRIES);
      }
      assert.ok(service.stats().registrations <= capacity);
    }),
    { numRuns: 300 },
  );
});

test('a client survives anything its service sends, on both ports, and still takes the right answer', async (t) => {
  const service = await RawAgent.open();
  const clock = new ManualClock();
  const client = await RegistrationClient.open({ host: '127.0.0.1', port: service.port, clock });
  t.after(async () => {
    await client.close();
    await service.close();
  });
  let number = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(datagram, { maxLength: 8 }), async (datagrams) => {
      const waiting = number;
      number = (number + 1) & 0xff;
      service.received.length = 0;
      const fetched = client.fetch('');
      await until('the request came', () => service.received.length > 0);
      for (const bytes of datagrams) {
        const value = decodeOrUndefined(bytes);
        if (value?.command === 'fetchResponse' && value.sequence === waiting) continue;
        service.send(bytes.toString('hex'), client.port);
        service.send(bytes.toString('hex'), client.port + 1);
      }
      const right = { ip: '1.2.3.4', port: 5, data: 6 };
      service.send({ command: 'fetchResponse', sequence: waiting, entries: [right] }, client.port);
      assert.deepEqual(await fetched, [right]);
    }),
    { numRuns: 300 },
  );
});
