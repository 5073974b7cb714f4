import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dialectNamed } from '../../src/dialect/index.js';
import { encodeLinkCell, parseLinkCell } from '../../src/dialect/tor61/cells.js';
import {
  encodeBegin,
  encodeExtend,
  parseBegin,
  parseExtend,
} from '../../src/dialect/tor61/relay-messages.js';
import { KistError } from '../../src/util/errors.js';

const id = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 58, 0x3a3a3a3a, 0x31323334, 0xffffffff),
);
const port = fc.integer({ min: 1, max: 65535 });
const address = fc.oneof(fc.ipV4(), fc.ipV6());
const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,60}$/).filter((host) => !/^[\d.]+$/.test(host));

/** Noise, and things near a valid body. */
const body = fc.oneof(
  fc.uint8Array({ maxLength: 498 }),
  fc
    .tuple(fc.string({ maxLength: 40 }), fc.string({ maxLength: 8 }), fc.uint8Array({ maxLength: 14 }))
    .map(([host, digits, rest]) => Buffer.concat([Buffer.from(`${host}:${digits}\0`, 'latin1'), rest])),
  fc
    .tuple(fc.ipV4(), port, fc.stringMatching(/^-?[0-9]{0,13}N?$/))
    .map(([host, number, digits]) =>
      Buffer.from(`${host}:${number}\0${digits.replace('N', '\0')}`, 'latin1'),
    ),
);

function valueOrMalformed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    assert.ok(error instanceof KistError && error.code === 'ERR_KIST_MALFORMED', String(error));
    return undefined;
  }
}

test('any BEGIN body is a target that can be sent on as it is, or malformed', () => {
  fc.assert(
    fc.property(body, (bytes) => {
      const target = valueOrMalformed(() => parseBegin(bytes));
      if (target !== undefined) assert.deepEqual(parseBegin(encodeBegin(target)), target);
    }),
    { numRuns: 3000, examples: [[Buffer.from('::1:80')], [Buffer.from('[::]:1\0')], [Buffer.from('%:1\0')]] },
  );
});

test('any EXTEND body is a target that can be sent on as it is, or malformed', () => {
  fc.assert(
    fc.property(body, (bytes) => {
      const target = valueOrMalformed(() => parseExtend(bytes));
      if (target !== undefined) assert.deepEqual(parseExtend(encodeExtend(target)), target);
    }),
    { numRuns: 3000, examples: [[Buffer.from('1.2.3.4:5\0-0000')], [Buffer.from('/:::1\0abcd')]] },
  );
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.oneof(address, name), port, (host, number) => {
      assert.deepEqual(parseBegin(encodeBegin({ host, port: number })), { host, port: number });
    }),
  );
  fc.assert(
    fc.property(address, port, id, (host, number, agentId) => {
      const target = { host, port: number, agentId };
      assert.deepEqual(parseExtend(encodeExtend(target)), target);
    }),
  );
  fc.assert(
    fc.property(
      id,
      id,
      fc.integer({ min: 0, max: 65535 }),
      fc.integer({ min: 0, max: 255 }),
      (a, b, circId, command) => {
        const cell = { command, circId, openerId: a, openedId: b };
        assert.deepEqual(parseLinkCell(encodeLinkCell(cell)), cell);
      },
    ),
  );
});

test('no sequence of link cells makes a handshake throw, open twice, or open to nobody', () => {
  const cell = fc.tuple(
    fc.constantFrom(0, 1, 3, 4, 5, 6, 7, 255),
    fc.uint8Array({ minLength: 512, maxLength: 512 }),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(cell, { maxLength: 8 }), id, id, (isOpener, cells, selfId, peerId) => {
      const dialect = dialectNamed('tor61');
      const handshake = isOpener
        ? dialect.openerHandshake(selfId, { host: '127.0.0.1', port: 1, peerId }, '127.0.0.1:1')
        : dialect.acceptorHandshake(selfId, '127.0.0.1:1');
      let opened = 0;
      for (const [command, bytes] of cells) {
        const step = handshake.receive(command, 0, bytes);
        if (step.outcome === 'open') {
          opened++;
          assert.equal(typeof step.peerId, 'number');
        }
        if (step.outcome === 'close') break;
      }
      assert.ok(opened <= 1);
    }),
  );
});
