import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRouterDescriptor } from '../../../src/directory/router-descriptor.js';
import { toHex } from '../../../src/directory/text-codec.js';
import { vectorDocuments } from './support.js';

const vectors = vectorDocuments('server-descriptors.txt');
const vector = (name: string): Buffer => vectors.get(name) ?? assert.fail(`no vector ${name}`);

/** What each defect must be refused for. */
const DEFECTS: Readonly<Record<string, RegExp>> = {
  'bad-sig1': /RSA signature is wrong/,
  'bad-tokens': /too few arguments in the "router" line/,
  'bad-published': /"published"/,
  'bad-bandwidth': /"bandwidth"/,
  'bad-bandwidth2': /"bandwidth"/,
  'bad-bandwidth3': /"bandwidth"/,
  'neg-bandwidth': /"bandwidth"/,
  'bad-onionkey': /not base64/,
  'bad-ports': /port in the "router" line/,
  'bad-dirport': /port in the "router" line/,
  'zero-orport': /port in the "router" line/,
  'bad-ip': /malformed address/,
  'bad-name2': /malformed nickname/,
  'bad-uptime': /"uptime"/,
  'bad-ntor-key': /"ntor-onion-key"/,
  'bad-fingerprint': /"fingerprint"/,
  'mismatched-fingerprint': /"fingerprint"/,
  'bad-has-accept6': /IPv6 rule/,
  'bad-no-exit-policy': /no exit policy/,
  'bad-ipv6-exit-policy': /"ipv6-policy"/,
  'bad-family': /"family"/,
  'ed-missing-crosscert': /TAP onion key does not certify/,
  'ed-missing-crosscert2': /no "ntor-onion-key-crosscert"/,
  'ed-missing-crosscert-sign': /too few arguments in the "ntor-onion-key-crosscert"/,
  'ed-bad-sig1': /Ed25519 signature is wrong/,
  'ed-bad-sig2': /Ed25519 signature is wrong/,
  'ed-bad-sig3': /Ed25519 signature is wrong/,
  'ed-bad-crosscert1': /"ntor-onion-key-crosscert".*wrong signature/,
  'ed-misplaced1': /does not stand second/,
  'ed-misplaced2': /not the last item but one/,
  'ed-bad-cert1': /type 10 instead of 4/,
};

test('the smallest good descriptor is read', () => {
  const descriptor = parseRouterDescriptor(vector('minimal'));
  assert.equal(descriptor.nickname, 'fred');
  assert.equal(descriptor.address, '127.0.0.1');
  assert.equal(descriptor.orPort, 9001);
  assert.equal(descriptor.dirPort, 9002);
  assert.deepEqual(descriptor.published, new Date('2014-10-05T12:00:00Z'));
  assert.deepEqual(descriptor.bandwidth, { rate: 1000, burst: 1000, observed: 1000 });
  assert.equal(descriptor.exitPolicy.rejectsAll(4), true);
  assert.equal(descriptor.platform, undefined);
});

test('every line of the fullest good descriptor is read', () => {
  const descriptor = parseRouterDescriptor(vector('maximal'));
  assert.equal(descriptor.fingerprint, 'E9D32FC276745958C315803DBAF09EE5C29C3A0B');
  assert.equal(descriptor.platform, 'Tor 0.2.4.23 on a Banana PC Jr 6000 Series');
  assert.equal(descriptor.contact, 'O.W.Jones');
  assert.equal(descriptor.uptimeSeconds, 1000);
  assert.equal(descriptor.isHibernating, false);
  assert.deepEqual(descriptor.family, [`$${'A'.repeat(40)}`, `$${'B'.repeat(40)}`]);
  assert.ok(descriptor.cachesExtraInfo && descriptor.isHiddenServiceDirectory);
  assert.equal(descriptor.isTunnelledDirServer, false);
  assert.equal(descriptor.extraInfo?.sha1, 'A'.repeat(40));
  assert.equal(toHex(descriptor.masterIdentity).slice(0, 8), 'FCAC32CA');
  assert.ok(descriptor.exitPolicy.allows('1.2.3.4', 80));
  assert.ok(!descriptor.exitPolicy.allows('127.0.0.1', 80));
  assert.deepEqual(
    descriptor.ipv6Policy?.ranges.map(({ min }) => min),
    [80, 100, 101],
  );
  assert.deepEqual(descriptor.orAddresses, [
    { address: '::1:2:3:4', port: 9999 },
    { address: '127.0.0.99', port: 10000 },
  ]);
  assert.ok(descriptor.document.items.some(({ keyword }) => keyword === 'unrecognized-keywords'));
});

test('every published defect is refused, and named', () => {
  const bad = [...vectors.keys()].filter((name) => name !== 'minimal' && name !== 'maximal');
  assert.deepEqual(bad.toSorted(), Object.keys(DEFECTS).toSorted());
  for (const name of bad) {
    assert.throws(
      () => parseRouterDescriptor(vector(name)),
      (error: NodeJS.ErrnoException) => {
        assert.equal(error.code, 'ERR_KIST_DOCUMENT', `${name}: ${error.message}`);
        assert.match(error.message, DEFECTS[name] ?? /^$/, name);
        return true;
      },
    );
  }
});

test('a descriptor with any byte of its signed part changed is refused', () => {
  const good = vector('minimal');
  const signatureStart = good.indexOf('router-signature');
  for (let offset = 0; offset < signatureStart; offset += 37) {
    const changed = Buffer.from(good);
    changed[offset] = (changed[offset] ?? 0) ^ 1;
    assert.throws(() => parseRouterDescriptor(changed), { code: 'ERR_KIST_DOCUMENT' }, `offset ${offset}`);
  }
});

test('blank lines after a descriptor are no part of it; text after it is refused', () => {
  const good = vector('minimal');
  const padded = parseRouterDescriptor(Buffer.concat([good, Buffer.from('\n\n')]));
  assert.deepEqual(padded.sha1, parseRouterDescriptor(good).sha1);
  assert.deepEqual(padded.sha256, parseRouterDescriptor(good).sha256);
  assert.throws(() => parseRouterDescriptor(Buffer.concat([good, Buffer.from('more text\n')])), /last item/);
});

test('what is no descriptor at all is refused without harm', () => {
  for (const text of [
    '',
    '\n',
    'hello\n',
    'router x\n',
    '@purpose bridge\nrouter x\n',
    '-----BEGIN X-----\n',
  ]) {
    assert.throws(() => parseRouterDescriptor(Buffer.from(text)), { code: 'ERR_KIST_DOCUMENT' }, text);
  }
  assert.throws(() => parseRouterDescriptor(new Uint8Array(1 << 20)), /larger than/);
  assert.throws(() => parseRouterDescriptor(Buffer.from('router a\0b\n')), /NUL/);
});
