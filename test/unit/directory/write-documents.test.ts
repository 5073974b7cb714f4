import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { CERT_KEY_TYPE, CERT_TYPE, encodeEd25519Cert } from '../../../src/directory/ed25519-cert.js';
import { ExpandedEd25519Key } from '../../../src/directory/ed25519-keys.js';
import { ExitPolicy } from '../../../src/directory/exit-policy.js';
import { MAX_EXTRA_INFO_BYTES, parseExtraInfo, writeExtraInfo } from '../../../src/directory/extra-info.js';
import { parseRouterDescriptor } from '../../../src/directory/router-descriptor.js';
import type {
  DescriptorKeys,
  RouterDescriptorInput,
} from '../../../src/directory/router-descriptor-input.js';
import { rsaFingerprint, rsaPublicDer } from '../../../src/directory/rsa-keys.js';
import { toHex } from '../../../src/directory/text-codec.js';
import { writeRouterDescriptor } from '../../../src/directory/write-router-descriptor.js';

const PUBLISHED = new Date('2026-11-22T03:26:46Z');

function makeKeys(): DescriptorKeys {
  const master = ExpandedEd25519Key.generate();
  const signingKey = ExpandedEd25519Key.generate();
  const ntor = generateKeyPairSync('x25519');
  const raw = (der: Buffer): Uint8Array => new Uint8Array(der.subarray(-32));
  return {
    rsaIdentity: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
    signingCertificate: encodeEd25519Cert(
      {
        type: CERT_TYPE.signing,
        expiresAt: PUBLISHED.getTime() / 1000 + 86_400,
        keyType: CERT_KEY_TYPE.ed25519,
        certifiedKey: signingKey.publicKey,
        signingKey: master.publicKey,
      },
      (bytes) => master.sign(bytes),
    ),
    signingKey,
    masterIdentity: master.publicKey,
    onion: {
      ntor: {
        secretKey: raw(ntor.privateKey.export({ format: 'der', type: 'pkcs8' })),
        publicKey: raw(ntor.publicKey.export({ format: 'der', type: 'spki' })),
      },
      tap: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey,
    },
  };
}

const keys = makeKeys();
const fingerprint = rsaFingerprint(rsaPublicDer(keys.rsaIdentity));
const basic: RouterDescriptorInput = {
  nickname: 'alice',
  address: '192.0.2.1',
  orPort: 9001,
  platform: 'kist-relay 0.1.0 on Linux',
  protocols: 'Link=4-5 LinkAuth=3 Relay=2',
  published: PUBLISHED,
  bandwidth: { rate: 1e6, burst: 2e6, observed: 3e5 },
  exitPolicy: ExitPolicy.rejectAll(),
};

test('all that a relay can say of itself reads back', () => {
  const extraInfo = writeExtraInfo({ nickname: 'alice', published: PUBLISHED, statistics: [] }, keys);
  const written = writeRouterDescriptor(
    {
      ...basic,
      dirPort: 9030,
      orAddresses: [{ address: '2001:DB8:0::1', port: 9002 }],
      uptimeSeconds: 12.7,
      extraInfo,
      cachesExtraInfo: true,
      isHibernating: true,
      family: [`$${fingerprint}`, 'bob'],
      familyCertificates: [Uint8Array.of(1, 2, 3)],
      contact: 'Zo\u00eb <zoe@example.invalid>',
      isHiddenServiceDirectory: true,
      isTunnelledDirServer: true,
      overloadedSince: PUBLISHED,
      exitPolicy: ExitPolicy.parse(['reject 10.0.0.0/8:*, accept *:80-81, reject *:*']).policy,
    },
    keys,
  );
  const read = parseRouterDescriptor(written.bytes);
  assert.deepEqual(read.sha1, written.sha1);
  assert.deepEqual(read.sha256, written.sha256);
  assert.equal(read.fingerprint, fingerprint);
  assert.deepEqual(read.masterIdentity, keys.masterIdentity);
  assert.deepEqual(read.ntorKey, keys.onion.ntor.publicKey);
  assert.deepEqual(read.tapKeyDer, rsaPublicDer(keys.onion.tap));
  assert.deepEqual([read.address, read.orPort, read.dirPort], ['192.0.2.1', 9001, 9030]);
  assert.deepEqual(read.orAddresses, [{ address: '2001:db8::1', port: 9002 }]);
  assert.deepEqual(read.bandwidth, { rate: 1e6, burst: 2e6, observed: 3e5 });
  assert.equal(read.uptimeSeconds, 12);
  assert.deepEqual(read.published, PUBLISHED);
  assert.deepEqual(read.extraInfo, { sha1: toHex(extraInfo.sha1), sha256: extraInfo.sha256 });
  assert.deepEqual(read.family, [`$${fingerprint}`, 'bob']);
  assert.equal(read.contact, 'Zo\u00eb <zoe@example.invalid>');
  assert.equal(read.platform, 'kist-relay 0.1.0 on Linux');
  assert.ok(read.isHibernating && read.cachesExtraInfo);
  assert.ok(read.isHiddenServiceDirectory && read.isTunnelledDirServer);
  assert.equal(read.protocols?.toString(), 'Link=4-5 LinkAuth=3 Relay=2');
  assert.deepEqual(read.exitPolicy.toEntries(), ['reject 10.0.0.0/8:*', 'accept *4:80-81', 'reject *4:*']);
  assert.deepEqual(read.ipv6Policy, { accept: true, ranges: [{ min: 80, max: 81 }] });
  assert.equal(read.expiresAt, Math.ceil(PUBLISHED.getTime() / 3_600_000) * 3600 + 86_400);
});

test('lines come in the order that relays use, and absent ones not at all', () => {
  const order = (input: RouterDescriptorInput): string[] =>
    parseRouterDescriptor(writeRouterDescriptor(input, keys).bytes).document.items.map(
      ({ keyword }) => keyword,
    );
  assert.deepEqual(order(basic), [
    'router',
    'identity-ed25519',
    'master-key-ed25519',
    'platform',
    'proto',
    'published',
    'fingerprint',
    'bandwidth',
    'onion-key',
    'signing-key',
    'onion-key-crosscert',
    'ntor-onion-key-crosscert',
    'ntor-onion-key',
    'reject',
    'router-sig-ed25519',
    'router-signature',
  ]);
  const full = order({
    ...basic,
    uptimeSeconds: 1,
    contact: 'x',
    family: [],
    isHiddenServiceDirectory: true,
  });
  assert.deepEqual(
    full.filter((keyword) =>
      ['fingerprint', 'uptime', 'bandwidth', 'family', 'hidden-service-dir', 'contact'].includes(keyword),
    ),
    ['fingerprint', 'uptime', 'bandwidth', 'hidden-service-dir', 'contact'],
  );
});

test('both signs of the ntor key verify', () => {
  const signs = new Set<string | undefined>();
  for (let round = 0; round < 40 && signs.size < 2; round += 1) {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    const ntor = {
      secretKey: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)),
      publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
    };
    const { bytes } = writeRouterDescriptor(basic, { ...keys, onion: { ...keys.onion, ntor } });
    const { items } = parseRouterDescriptor(bytes).document;
    signs.add(items.find(({ keyword }) => keyword === 'ntor-onion-key-crosscert')?.args[0]);
  }
  assert.deepEqual(signs, new Set(['0', '1']));
});

test('what cannot stand in a descriptor is refused and named', () => {
  const refused: readonly [Partial<RouterDescriptorInput>, RegExp][] = [
    [{ nickname: '' }, /nickname/],
    [{ nickname: 'a-b' }, /nickname/],
    [{ nickname: 'a'.repeat(20) }, /nickname/],
    [{ address: '::1' }, /address/],
    [{ address: 'example.org' }, /address/],
    [{ orPort: 0 }, /orPort/],
    [{ orPort: 65536 }, /orPort/],
    [{ dirPort: -1 }, /dirPort/],
    [{ platform: 'x\nreject *:*' }, /platform/],
    [{ contact: 'x\ny' }, /contact/],
    [{ protocols: 'Link=4\r' }, /protocols/],
    [{ family: ['a\nb'] }, /family/],
    [{ bandwidth: { rate: 0, burst: 0, observed: 0 } }, /bandwidth\.rate/],
    [{ orAddresses: [{ address: 'nowhere', port: 1 }] }, /orAddresses/],
    [{ orAddresses: [{ address: '::1', port: 0 }] }, /orAddresses/],
  ];
  for (const [change, message] of refused) {
    assert.throws(() => writeRouterDescriptor({ ...basic, ...change }, keys), {
      code: 'ERR_KIST_ARGUMENT',
      message,
    });
  }
});

test('statistics that would make an extra-info document too large are left out, the last first', () => {
  const statistics = ['small-one 1', `huge ${'x'.repeat(49_000)}`, `second ${'y'.repeat(2000)}`];
  const { bytes } = writeExtraInfo({ nickname: 'alice', published: PUBLISHED, statistics }, keys);
  assert.ok(bytes.length <= MAX_EXTRA_INFO_BYTES, `${bytes.length} bytes`);
  const keywords = parseExtraInfo(bytes).document.items.map(({ keyword }) => keyword);
  assert.ok(keywords.includes('huge') && !keywords.includes('second'));
  const bad = { nickname: 'alice', published: PUBLISHED, statistics: ['a\n\nb'] };
  assert.throws(() => writeExtraInfo(bad, keys), { code: 'ERR_KIST_ARGUMENT' });
});
