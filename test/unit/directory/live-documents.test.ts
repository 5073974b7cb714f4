import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { parseConsensus } from '../../../src/directory/consensus.js';
import { parseExtraInfo } from '../../../src/directory/extra-info.js';
import { splitDocuments } from '../../../src/directory/items.js';
import { parseKeyCertificate, parseKeyCertificates } from '../../../src/directory/key-certificate.js';
import { parseMicrodescriptors } from '../../../src/directory/microdescriptor.js';
import { parseRouterDescriptor } from '../../../src/directory/router-descriptor.js';
import { toBase64, toHex } from '../../../src/directory/text-codec.js';
import { verifyConsensus } from '../../../src/directory/verify-consensus.js';
import { vectorFile } from './support.js';

const certificates = parseKeyCertificates(vectorFile('live/key-certificates')).certificates;
const consensus = parseConsensus(vectorFile('live/consensus'));
const microdescConsensus = parseConsensus(vectorFile('live/consensus-microdesc'));
const descriptors = splitDocuments(vectorFile('live/server-descriptors'), 'router').map(
  parseRouterDescriptor,
);
const trusted = consensus.authorities.map(({ identity }) => identity);

test('every server descriptor of a live network verifies, and the consensus names it', () => {
  assert.equal(descriptors.length, 3);
  for (const descriptor of descriptors) {
    const router = consensus.routers.find(({ fingerprint }) => fingerprint === descriptor.fingerprint);
    assert.deepEqual(router?.descriptorDigest, descriptor.sha1);
    assert.equal(router?.nickname, descriptor.nickname);
    assert.equal(router?.orPort, descriptor.orPort);
    assert.equal(router?.protocols.toString(), descriptor.protocols?.toString());
  }
});

test('a live exit policy has the summaries that its microdescriptor has', () => {
  const relay = descriptors.find(({ nickname }) => nickname === 'relayR') ?? assert.fail();
  assert.equal(relay.contact, 'Zo\u00eb <relay@example.invalid>');
  assert.equal(relay.exitPolicy.summary(4), 'accept 80,443');
  assert.ok(relay.exitPolicy.isGeneralExit());
  assert.ok(!relay.exitPolicy.allows('10.0.0.1', 80), 'private addresses come first');
});

test('an extra-info document verifies and is the one that the descriptor names', () => {
  const documents = splitDocuments(vectorFile('live/extra-infos'), 'extra-info');
  for (const bytes of documents) {
    const extraInfo = parseExtraInfo(bytes);
    const owner = descriptors.find(({ fingerprint }) => fingerprint === extraInfo.fingerprint);
    if (owner?.extraInfo?.sha1 !== toHex(extraInfo.sha1)) continue;
    assert.equal(toBase64(extraInfo.sha256), toBase64(owner.extraInfo.sha256 ?? new Uint8Array()));
    const key = createPublicKey({ key: Buffer.from(owner.rsaIdentityDer), format: 'der', type: 'pkcs1' });
    assert.equal(parseExtraInfo(bytes, key).nickname, owner.nickname);
    const other = descriptors.find(({ fingerprint }) => fingerprint !== owner.fingerprint) ?? assert.fail();
    const wrong = createPublicKey({ key: Buffer.from(other.rsaIdentityDer), format: 'der', type: 'pkcs1' });
    assert.throws(() => parseExtraInfo(bytes, wrong), /another relay/);
    return;
  }
  assert.fail('no extra-info document is named by a descriptor');
});

test('both flavours of a live consensus are signed by its authority', () => {
  for (const each of [consensus, microdescConsensus]) {
    assert.deepEqual(verifyConsensus(each, trusted, certificates), {
      isValid: true,
      good: trusted,
      missing: [],
      bad: [],
      needed: 1,
    });
  }
  assert.equal(consensus.signatures[0]?.algorithm, 'sha1');
  assert.equal(microdescConsensus.signatures[0]?.algorithm, 'sha256');
});

test('what a consensus says is read', () => {
  assert.equal(microdescConsensus.flavour, 'microdesc');
  assert.equal(microdescConsensus.method, 35);
  assert.equal(microdescConsensus.freshUntil.getTime() - microdescConsensus.validAfter.getTime(), 20_000);
  assert.deepEqual([microdescConsensus.voteSeconds, microdescConsensus.distSeconds], [4, 4]);
  assert.ok(microdescConsensus.knownFlags.includes('Running'));
  assert.ok(microdescConsensus.protocols.requiredRelay.supports('LinkAuth', 3));
  assert.equal(microdescConsensus.bandwidthWeights.get('Wbd'), 3333);
  const [authority] = consensus.authorities;
  assert.equal(authority?.nickname, 'authA');
  assert.equal(authority?.contact, 'auth@example.invalid');
  assert.match(authority?.voteDigest ?? '', /^[0-9A-F]{40}$/);
  const relay = consensus.routers.find(({ nickname }) => nickname === 'relayR') ?? assert.fail();
  assert.ok(relay.flags.has('Exit') && relay.flags.has('Valid'));
  assert.equal(relay.version, 'Tor 0.4.9.11');
  assert.equal(relay.bandwidth, 0);
  assert.equal(relay.isUnmeasured, true);
  assert.deepEqual(relay.policy?.ranges, [
    { min: 80, max: 80 },
    { min: 443, max: 443 },
  ]);
});

test('microdescriptors have the digests that the consensus names, and the keys of the descriptors', () => {
  const { microdescriptors, errors } = parseMicrodescriptors(vectorFile('live/microdescriptors'));
  assert.deepEqual(errors, []);
  assert.equal(microdescriptors.length, 3);
  for (const router of microdescConsensus.routers) {
    const found =
      microdescriptors.find(({ digest }) => digest === router.microdescriptorDigest) ?? assert.fail();
    const descriptor = descriptors.find(({ fingerprint }) => fingerprint === router.fingerprint);
    assert.deepEqual(found.ntorKey, descriptor?.ntorKey);
    assert.deepEqual(found.ed25519Identity, descriptor?.masterIdentity);
  }
  assert.deepEqual(
    microdescriptors.flatMap(({ familyIds }) => familyIds),
    ['ed25519:WacZy/3tSBlbbhHwBAVcbTaax6zbxVoYZ/kFvSjmDwg'],
  );
});

test('a consensus with a changed relay, without certificates or by strangers is not valid', () => {
  const text = vectorFile('live/consensus').toString('latin1');
  const changed = parseConsensus(Buffer.from(text.replace('w Bandwidth=', 'w Bandwidth=9'), 'latin1'));
  assert.deepEqual(verifyConsensus(changed, trusted, certificates).bad, trusted);
  const without = verifyConsensus(consensus, trusted, []);
  assert.equal(without.isValid, false);
  assert.deepEqual(without.missing, [
    { identity: trusted[0], signingKeyDigest: certificates[0]?.signingKeyDigest },
  ]);
  assert.equal(verifyConsensus(consensus, ['A'.repeat(40)], certificates).isValid, false);
  const one = [...trusted, 'A'.repeat(40)];
  assert.equal(verifyConsensus(consensus, one, certificates).isValid, false, 'one of two is not a majority');
});

test('a consensus is refused when its times, order or kind are wrong', () => {
  const text = vectorFile('live/consensus').toString('latin1');
  const fault = (from: RegExp | string, to: string, message: RegExp): void => {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text);
    assert.throws(() => parseConsensus(Buffer.from(changed, 'latin1')), message);
  };
  fault('vote-status consensus', 'vote-status vote', /not a consensus/);
  fault('network-status-version 3', 'network-status-version 4', /version 3/);
  fault(/^valid-after .*$/m, 'valid-after 2039-01-01 00:00:00', /times out of order/);
  fault(/^fresh-until .*$/m, 'fresh-until 2026-13-01 00:00:00', /malformed time/);
  fault(/^known-flags .*\n/m, '', /known-flags/);
  fault(/^directory-signature .*\n(.*\n)*?-----END SIGNATURE-----\n/m, '', /directory-signature/);
  fault(/^pr .*$/m, 'pr Link=9-8', /protocol list/);
  fault(/^r relayR \S+/m, 'r relayR AAAA', /malformed identity/);
  fault(/^s .*\n/m, '', /no "s" line/);
  fault(/^r (\S+) \S+/m, `r $1 ${'/'.repeat(26)}8`, /order of their identities/);
});

test('a key certificate that is changed or cut short is refused', () => {
  const bytes = vectorFile('live/key-certificates');
  assert.equal(parseKeyCertificate(bytes).fingerprint, trusted[0]);
  const text = bytes.toString('latin1');
  const expires = text.replace(/^dir-key-expires \d+/m, 'dir-key-expires 2037');
  assert.throws(() => parseKeyCertificate(Buffer.from(expires, 'latin1')), /signature is wrong/);
  assert.throws(() => parseKeyCertificate(bytes.subarray(0, 1000)), { code: 'ERR_KIST_DOCUMENT' });
  const { certificates: good, errors } = parseKeyCertificates(
    Buffer.concat([Buffer.from(expires, 'latin1'), bytes]),
  );
  assert.equal(good.length, 1);
  assert.equal(errors.length, 1);
});
