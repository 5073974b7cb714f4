import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { copyFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkEd25519Cert, parseEd25519Cert, verifyEd25519 } from '../../../src/directory/ed25519-cert.js';
import { checkRsaEdCrosscert, parseRsaEdCrosscert } from '../../../src/directory/rsa-ed-crosscert.js';
import { rsaFingerprint, rsaPublicKey } from '../../../src/directory/rsa-keys.js';
import type { LinkIdentity } from '../../../src/dialect/tor/link-identity.js';
import type { RouterIdentity } from '../../../src/identity/router-identity.js';
import { dataDirectory, DatedClock, DAY_MS, HOUR_MS, openKeys } from './support.js';

const bodyOf = (certs: readonly { type: number; body: Uint8Array }[], type: number): Uint8Array =>
  certs.find((cert) => cert.type === type)?.body ?? assert.fail(`no certificate of type ${type}`);
const seconds = (clock: DatedClock): number => clock.date().getTime() / 1000;

test('an identity is made once and found again', async (t) => {
  const folder = dataDirectory(t);
  const clock = new DatedClock();
  const { identity } = await openKeys(folder, clock);
  const { identity: again } = await openKeys(folder, clock);
  assert.equal(again.rsaFingerprint, identity.rsaFingerprint);
  assert.deepEqual(again.ed25519Identity, identity.ed25519Identity);
  assert.match(identity.rsaFingerprint, /^[0-9A-F]{40}$/);
  assert.equal(rsaFingerprint(identity.rsaIdentityKeyDer), identity.rsaFingerprint);
  for (const path of ['', 'keys']) assert.equal(statSync(join(folder, path)).mode & 0o777, 0o700);
  for (const name of ['secret_id_key', 'ed25519_master_id_secret_key', 'secret_onion_key_ntor']) {
    assert.equal(statSync(join(folder, 'keys', name)).mode & 0o777, 0o600, name);
  }
});

test('a responder shows a chain from both identities to its TLS certificate', async (t) => {
  const clock = new DatedClock();
  const { identity } = await openKeys(dataDirectory(t), clock);
  const link: LinkIdentity = identity;
  const { certificateDer } = identity.tls;
  const certs = link.linkCertificates(certificateDer);
  assert.deepEqual(new Set(certs.map(({ type }) => type)), new Set([2, 4, 5, 7]));
  const rsa = new X509Certificate(bodyOf(certs, 2));
  assert.ok(rsa.verify(rsa.publicKey), 'signed by itself');
  assert.deepEqual(
    new Uint8Array(rsa.publicKey.export({ format: 'der', type: 'pkcs1' })),
    link.rsaIdentityKeyDer,
  );
  const signing = parseEd25519Cert(bodyOf(certs, 4));
  assert.deepEqual(
    Uint8Array.from(checkEd25519Cert(signing, { type: 4, now: seconds(clock) })),
    link.ed25519Identity,
  );
  const tls = parseEd25519Cert(bodyOf(certs, 5));
  checkEd25519Cert(tls, { type: 5, signingKey: signing.certifiedKey, now: seconds(clock) });
  const digest = createHash('sha256').update(certificateDer).digest();
  assert.equal(Buffer.compare(tls.certifiedKey, digest), 0);
  assert.equal(tls.keyType, 3);
  const rsaKey = rsaPublicKey(link.rsaIdentityKeyDer) ?? assert.fail();
  checkRsaEdCrosscert(parseRsaEdCrosscert(bodyOf(certs, 7)), rsaKey, link.ed25519Identity, seconds(clock));
});

test('an initiator signs with the key that its certificates name', async (t) => {
  const clock = new DatedClock();
  const { identity } = await openKeys(dataDirectory(t), clock);
  const certs = identity.initiatorCertificates();
  assert.deepEqual(new Set(certs.map(({ type }) => type)), new Set([2, 4, 6, 7]));
  const signing = parseEd25519Cert(bodyOf(certs, 4));
  const authentication = parseEd25519Cert(bodyOf(certs, 6));
  checkEd25519Cert(authentication, { type: 6, signingKey: signing.certifiedKey, now: seconds(clock) });
  const message = Buffer.from('what both ends saw');
  assert.ok(verifyEd25519(authentication.certifiedKey, message, identity.signAuthenticate(message)));
});

test('the TLS certificate looks like that of any relay', async (t) => {
  const clock = new DatedClock();
  const { identity } = await openKeys(dataDirectory(t), clock);
  const { certificateDer, privateKeyDer } = identity.tls;
  const certificate = new X509Certificate(certificateDer);
  assert.match(certificate.subject, /^CN=www\.[a-z2-7]{8,20}\.net$/);
  assert.match(certificate.issuer, /^CN=www\.[a-z2-7]{8,20}\.com$/);
  const rsa = rsaPublicKey(identity.rsaIdentityKeyDer) ?? assert.fail();
  assert.ok(certificate.verify(rsa));
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.modulusLength, 2048);
  const key = createPrivateKey({ key: Buffer.from(privateKeyDer), format: 'der', type: 'pkcs8' });
  assert.ok(certificate.checkPrivateKey(key));
  const from = Date.parse(certificate.validFrom);
  assert.equal(from % DAY_MS, 0, 'begins at midnight');
  assert.ok(from <= clock.date().getTime());
  assert.ok(Date.parse(certificate.validTo) >= clock.date().getTime() + DAY_MS - 1000, 'a day is left');
  assert.notEqual(certificate.subject, new X509Certificate((await identityOf(t)).tls.certificateDer).subject);
});

async function identityOf(t: Parameters<typeof dataDirectory>[0]): Promise<RouterIdentity> {
  return (await openKeys(dataDirectory(t), new DatedClock())).identity;
}

test('TLS keys change every two hours, and channels with the old one keep a certificate', async (t) => {
  const clock = new DatedClock();
  const { identity } = await openKeys(dataDirectory(t), clock);
  const before = identity.tls.certificateDer;
  clock.advance(2 * HOUR_MS - 1000);
  assert.deepEqual(await identity.renew(), { tls: false, signing: false });
  assert.deepEqual(identity.nextRenewal, new Date(clock.date().getTime() + 1000));
  clock.advance(1000);
  assert.deepEqual(await identity.renew(), { tls: true, signing: false });
  assert.notDeepEqual(identity.tls.certificateDer, before);
  const certs = identity.linkCertificates(before);
  const digest = createHash('sha256').update(before).digest();
  assert.equal(Buffer.compare(parseEd25519Cert(bodyOf(certs, 5)).certifiedKey, digest), 0);
});

test('no certificate that is shown has less than three hours left, if renewals are not late', async (t) => {
  const clock = new DatedClock();
  const { identity } = await openKeys(dataDirectory(t), clock);
  const der = identity.tls.certificateDer;
  for (const days of [1, 1, 1, 1, 24, 1, 1, 1, 1]) {
    clock.advance(days * DAY_MS);
    await identity.renew();
    const certs = [...identity.linkCertificates(der), ...identity.initiatorCertificates()];
    for (const { type, body } of certs) {
      if (type === 2 || type === 7) continue;
      const left = parseEd25519Cert(body).expiresAt * 1000 - clock.date().getTime();
      assert.ok(left >= 3 * HOUR_MS, `type ${type} has ${left / HOUR_MS} h left`);
    }
  }
});

test('the signing key is renewed a day before it expires, by the same identity', async (t) => {
  const folder = dataDirectory(t);
  const clock = new DatedClock();
  const { identity } = await openKeys(folder, clock);
  const before = parseEd25519Cert(bodyOf(identity.initiatorCertificates(), 4));
  clock.advance(29 * DAY_MS - HOUR_MS);
  assert.equal((await identity.renew()).signing, false);
  clock.advance(HOUR_MS);
  assert.equal((await identity.renew()).signing, true);
  const certs = identity.initiatorCertificates();
  const after = parseEd25519Cert(bodyOf(certs, 4));
  assert.notDeepEqual(after.certifiedKey, before.certifiedKey);
  assert.deepEqual(after.signingKey, before.signingKey);
  const authentication = parseEd25519Cert(bodyOf(certs, 6));
  checkEd25519Cert(authentication, { type: 6, signingKey: after.certifiedKey, now: seconds(clock) });
  const { identity: again } = await openKeys(folder, clock);
  assert.deepEqual(again.signingKeyExpires, identity.signingKeyExpires);
});

test('with the master key offline a relay runs until its signing key expires, and takes a new one up', async (t) => {
  const folder = dataDirectory(t);
  const home = dataDirectory(t);
  const clock = new DatedClock();
  const { identity: master } = await openKeys(home, clock);
  await openKeys(folder, clock);
  const bring = (names: readonly string[]): void => {
    for (const name of names) copyFileSync(join(home, 'keys', name), join(folder, 'keys', name));
  };
  const signing = ['ed25519_signing_secret_key', 'ed25519_signing_cert'];
  bring(['secret_id_key', 'ed25519_master_id_public_key', ...signing]);
  rmSync(join(folder, 'keys', 'ed25519_master_id_secret_key'));
  const { identity } = await openKeys(folder, clock, true);
  assert.deepEqual(identity.ed25519Identity, master.ed25519Identity);
  clock.advance(29 * DAY_MS + HOUR_MS);
  assert.equal((await identity.renew()).signing, false, 'it still runs with the old one');
  assert.ok(identity.nextRenewal > clock.date(), 'and does not ask to be called again at once');
  assert.equal((await master.renew()).signing, true);
  bring(signing);
  assert.equal((await identity.renew()).signing, true);
  assert.deepEqual(identity.signingKeyExpires, master.signingKeyExpires);
  clock.advance(31 * DAY_MS);
  await assert.rejects(identity.renew(), {
    code: 'ERR_KIST_KEYS',
    message: /expired.*OfflineMasterKey.*bring a new/s,
  });
  await assert.rejects(openKeys(folder, clock, true), { code: 'ERR_KIST_KEYS' });
});

test('a half-copied signing key is not taken up while the one in memory is good', async (t) => {
  const folder = dataDirectory(t);
  const other = dataDirectory(t);
  const clock = new DatedClock();
  const { identity } = await openKeys(folder, clock, false);
  await openKeys(other, clock);
  rmSync(join(folder, 'keys', 'ed25519_master_id_secret_key'));
  const before = identity.signingKeyExpires;
  copyFileSync(join(other, 'keys', 'ed25519_signing_cert'), join(folder, 'keys', 'ed25519_signing_cert'));
  assert.equal(identity.reloadSigningKey(), false);
  const signing = 'ed25519_signing_secret_key';
  copyFileSync(join(other, 'keys', signing), join(folder, 'keys', signing));
  assert.equal(identity.reloadSigningKey(), false, 'of another identity');
  assert.deepEqual(identity.signingKeyExpires, before);
});

test('an offline master is never made', async (t) => {
  await assert.rejects(openKeys(dataDirectory(t), new DatedClock(), true), {
    code: 'ERR_KIST_KEYS',
    message: /no usable signing key.*OfflineMasterKey/,
  });
});

test('keys of different identities, and files that are empty or of another kind, are refused and named', async (t) => {
  const clock = new DatedClock();
  const folder = dataDirectory(t);
  const other = dataDirectory(t);
  await openKeys(folder, clock);
  await openKeys(other, clock);
  const file = (name: string): string => join(folder, 'keys', name);
  const refused = async (name: string, spoil: () => void, message: RegExp): Promise<void> => {
    copyFileSync(file(name), `${file(name)}.saved`);
    spoil();
    await assert.rejects(openKeys(folder, clock), { code: 'ERR_KIST_KEYS', kind: 'operator', message }, name);
    copyFileSync(`${file(name)}.saved`, file(name));
  };
  const swap = (name: string) => (): void => copyFileSync(join(other, 'keys', name), file(name));
  const write = (name: string, text: string) => (): void => writeFileSync(file(name), text);
  await refused(
    'ed25519_master_id_public_key',
    swap('ed25519_master_id_public_key'),
    /ed25519_master_id_public_key/,
  );
  await refused('secret_id_key', write('secret_id_key', ''), /secret_id_key is empty/);
  await refused('secret_id_key', write('secret_id_key', 'nonsense'), /not an RSA private key/);
  await refused('secret_onion_key_ntor', write('secret_onion_key_ntor', 'x'.repeat(96)), /c25519v1: onion/);
  await refused(
    'ed25519_signing_secret_key',
    write('ed25519_signing_secret_key', '='),
    /ed25519v1-secret: type4/,
  );
  await openKeys(folder, clock);
});

test('the fingerprint files are written as other tools read them', async (t) => {
  const folder = dataDirectory(t);
  const { identity, directory } = await openKeys(folder, new DatedClock());
  identity.writeFingerprints('alice');
  const { readFileSync } = await import('node:fs');
  assert.equal(readFileSync(join(folder, 'fingerprint'), 'utf8'), `alice ${identity.rsaFingerprint}\n`);
  assert.match(readFileSync(join(folder, 'fingerprint-ed25519'), 'utf8'), /^alice [A-Za-z0-9+/]{43}\n$/);
  assert.equal(directory.read('fingerprint'), undefined, 'not among the keys');
  assert.equal(
    createPublicKey({ key: Buffer.from(identity.rsaIdentityKeyDer), format: 'der', type: 'pkcs1' }).type,
    'public',
  );
});
