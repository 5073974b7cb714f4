import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { parseExtraInfo } from '../../../src/directory/extra-info.js';
import { vectorDocuments } from './support.js';

const vectors = vectorDocuments('extra-infos.txt');
const names = [...vectors.keys()].filter((name) => !name.endsWith('-key'));

function keyOf(name: string): KeyObject {
  const pem = vectors.get(`${name}-key`) ?? assert.fail(`no key for ${name}`);
  return createPublicKey({ key: pem, format: 'pem', type: 'pkcs1' });
}

/** What each defect must be refused for. */
const DEFECTS: Readonly<Record<string, RegExp>> = {
  'bad-sig1': /RSA signature is wrong/,
  'bad-sig2': /Ed25519 signature is wrong/,
  'bad-nickname': /malformed nickname/,
  'bad-tokens': /more than one "published" line/,
  'bad-start': /no "extra-info" line/,
  'bad-published': /malformed time/,
  'ed-missing-sig': /no "router-sig-ed25519" line/,
  'ed-missing-cert': /no "identity-ed25519" line/,
  'ed-bad-cert1': /"PLAGICAL SPELL" object/,
  'ed-bad-cert2': /type 10 instead of 4/,
  'ed-misplaced-cert': /does not stand second/,
  'ed-misplaced-sig': /not the last item but one/,
};

test('good extra-info documents verify with their identity key', () => {
  const minimal = parseExtraInfo(vectors.get('minimal') ?? assert.fail(), keyOf('minimal'));
  assert.equal(minimal.fingerprint, '3390094906366A15D5CD78550424FAD141CF1067');
  const maximal = parseExtraInfo(vectors.get('maximal') ?? assert.fail(), keyOf('maximal'));
  assert.equal(maximal.fingerprint, '7369E5BE5E183609D08A766F6FF36F9F5DE2AD32');
  assert.ok(maximal.document.items.some(({ keyword }) => keyword === 'dirreq-v3-ips'));
});

test('every published defect is refused, and named', () => {
  const bad = names.filter((name) => name !== 'minimal' && name !== 'maximal');
  assert.deepEqual(bad.toSorted(), Object.keys(DEFECTS).toSorted());
  for (const name of bad) {
    assert.throws(
      () => parseExtraInfo(vectors.get(name) ?? assert.fail(), keyOf(name)),
      (error: NodeJS.ErrnoException) => {
        assert.equal(error.code, 'ERR_KIST_DOCUMENT', `${name}: ${error.message}`);
        assert.match(error.message, DEFECTS[name] ?? /^$/, name);
        return true;
      },
    );
  }
});
