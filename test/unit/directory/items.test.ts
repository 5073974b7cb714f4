import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitDocuments, tokenize } from '../../../src/directory/items.js';
import { fromBase64, fromHex, parseTime } from '../../../src/directory/text-codec.js';

const read = (text: string) =>
  tokenize('test document', Buffer.from(text, 'utf8'), { maxBytes: 300_000 }).items;

test('items keep their arguments, objects, lines and positions', () => {
  const text =
    'first a  b\tc\n\nopt second\n-----BEGIN SOME THING-----\nAQID\nBA==\n-----END SOME THING-----\nlast';
  const [first, second, last] = read(text);
  assert.deepEqual(first?.args, ['a', 'b', 'c']);
  assert.equal(first?.text, 'a  b\tc');
  assert.deepEqual([first?.start, first?.textStart, first?.end, first?.line], [0, 6, 13, 1]);
  assert.equal(second?.keyword, 'second');
  assert.equal(second?.object?.label, 'SOME THING');
  assert.deepEqual([...(second?.object?.bytes ?? [])], [1, 2, 3, 4]);
  assert.equal(second?.start, 14);
  assert.equal(text.slice(last?.start), 'last');
  assert.deepEqual([last?.args, last?.line, last?.end], [[], 8, text.length]);
});

test('texts for people are UTF-8, and positions count bytes', () => {
  const [contact, next] = read('contact Zo\u00eb \u00a0 \u65e5\u672c\nnext x\n');
  assert.equal(contact?.utf8, 'Zo\u00eb \u00a0 \u65e5\u672c');
  assert.equal(next?.start, Buffer.byteLength('contact Zo\u00eb \u00a0 \u65e5\u672c\n'));
});

test('malformed documents are refused with the line', () => {
  const bad: Readonly<Record<string, RegExp>> = {
    'a\n-----BEGIN X-----\nAQID\n': /line 2: the object has no end/,
    'a\n-----BEGIN X-----\nAQID\n-----END Y-----\n': /line 2: the END line does not match "X"/,
    'a\n-----BEGIN X----\nAQID\n-----END X-----\n': /line 2: malformed BEGIN line/,
    'a\n-----BEGIN X-----\nA!ID\n-----END X-----\n': /line 2: the object is not base64/,
    '-----BEGIN X-----\n': /line 1 does not begin with a keyword/,
    'a\n b\n': /line 2 does not begin with a keyword/,
    'a\0b\n': /NUL/,
  };
  for (const [text, message] of Object.entries(bad))
    assert.throws(() => read(text), message, JSON.stringify(text));
  assert.throws(() => read(`a ${'x'.repeat(140_000)}\n`), /line 1 is too long/);
  assert.throws(() => read('x'.repeat(300_001)), /larger than 300000 bytes/);
  assert.throws(() => read(`a\n-----BEGIN X-----\n${'AAAA\n'.repeat(40_000)}-----END X-----\n`), /no end/);
});

test('whatever the bytes, a document is cut or refused, and items lie one after the other', () => {
  const piece = fc.constantFrom(
    'a b\n',
    '\n',
    '-----BEGIN X-----\n',
    'AQID\n',
    '-----END X-----\n',
    'opt ',
    '\r',
    '\u00eb',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const bytes = Buffer.from(pieces.join(''), 'utf8');
      try {
        let end = 0;
        for (const item of tokenize('test document', bytes, { maxBytes: 10_000 }).items) {
          assert.ok(item.start >= end && item.textStart > item.start && item.end >= item.textStart);
          end = item.end;
        }
        assert.ok(end <= bytes.length);
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ERR_KIST_DOCUMENT');
      }
    }),
  );
});

test('a concatenation is split where lines begin with the keyword', () => {
  const parts = splitDocuments(Buffer.from('@old\nrouter a\nx router b\nrouter c\nrouters d\n'), 'router');
  assert.deepEqual(
    parts.map((part) => Buffer.from(part).toString()),
    ['router a\nx router b\n', 'router c\nrouters d\n'],
  );
});

test('hexadecimal, base64 and times are read strictly', () => {
  assert.equal(fromHex('0g', 1), undefined);
  assert.equal(fromHex('00', 2), undefined);
  assert.equal(fromBase64('AQI=')?.length, 2);
  assert.equal(fromBase64('AQI')?.length, 2);
  for (const text of ['A', 'AQI==', 'AQ_-', 'AQ I']) assert.equal(fromBase64(text), undefined, text);
  assert.equal(fromBase64('AQI', 3), undefined);
  for (const text of [
    '2026-02-30 00:00:00',
    '2026-1-1 00:00:00',
    '2026-01-01 24:00:00',
    '2026-01-01T00:00:00',
  ]) {
    assert.equal(parseTime(text), undefined, text);
  }
});
