import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseConsensus } from '../../../src/directory/consensus.js';
import { parseExtraInfo } from '../../../src/directory/extra-info.js';
import { parseKeyCertificate } from '../../../src/directory/key-certificate.js';
import { parseMicrodescriptor } from '../../../src/directory/microdescriptor.js';
import { parseRouterDescriptor } from '../../../src/directory/router-descriptor.js';
import { vectorFile } from './support.js';

const PARSERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  'live/consensus': parseConsensus,
  'live/consensus-microdesc': parseConsensus,
  'live/key-certificates': parseKeyCertificate,
  'live/microdescriptors': parseMicrodescriptor,
  'live/server-descriptors': parseRouterDescriptor,
  'live/extra-infos': (bytes) => parseExtraInfo(bytes),
};

/** Bytes put in, taken out or overwritten, lines doubled and dropped. */
const mangling = fc.record({
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  length: fc.integer({ min: 0, max: 200 }),
  filling: fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom('\n', '\nr ', '-----BEGIN X-----\n', ' 9', '=').map((text) => Buffer.from(text)),
  ),
});

test('whatever is done to a document, it is read or refused with a clear error', () => {
  for (const [name, parse] of Object.entries(PARSERS)) {
    const good = vectorFile(name);
    fc.assert(
      fc.property(fc.array(mangling, { minLength: 1, maxLength: 4 }), (changes) => {
        let bytes = good;
        for (const { at, length, filling } of changes) {
          const start = Math.floor(at * bytes.length);
          bytes = Buffer.concat([bytes.subarray(0, start), filling, bytes.subarray(start + length)]);
        }
        try {
          parse(bytes);
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException;
          assert.equal(code, 'ERR_KIST_DOCUMENT', `${name}: ${message}`);
        }
      }),
      { numRuns: 150 },
    );
  }
});

test('a consensus of eight thousand relays is read in linear time', () => {
  const text = vectorFile('live/consensus').toString('latin1');
  const start = text.indexOf('\nr ') + 1;
  const end = text.indexOf('directory-footer');
  const entry = text.slice(start, text.indexOf('\nr ', start) + 1);
  const entries = Array.from({ length: 8000 }, (_, index) => {
    const identity = Buffer.alloc(20);
    identity.writeUInt32BE(index);
    return entry.replace(/^(r \S+) \S+/, `$1 ${identity.toString('base64').replace(/=+$/, '')}`);
  });
  const bytes = Buffer.from(text.slice(0, start) + entries.join('') + text.slice(end), 'latin1');
  assert.equal(parseConsensus(bytes).routers.length, 8000);
});
