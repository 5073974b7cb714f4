import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import { COMMAND, encodeFixedCell } from '../../../src/dialect/tor/cells.js';
import {
  encodeExtend2,
  parseCreate,
  parseCreate2,
  parseCreated2,
} from '../../../src/dialect/tor/create-cells.js';
import { NtorClient } from '../../../src/dialect/tor/ntor-client.js';
import { NtorV3Client } from '../../../src/dialect/tor/ntor-v3-client.js';
import { RELAY_COMMAND } from '../../../src/dialect/tor/relay-commands.js';
import { NodeLink, OurRelay, TIMEOUT_MS, Tor } from './link-rig.js';

const skip =
  spawnSync('tor', ['--version']).status === 0 ? false : 'skipped: needs tor (apt-get install tor)';
/** As initiators we choose circuit IDs with the high bit. */
const OUR_CIRC_ID = 0x80000001;

/** The first relay cell of a circuit of one hop, whose keys are Df, Db, Kf, Kb (tor-spec 5.5, 6.1). */
function firstRelayCell(keys: Uint8Array, command: number, body: Uint8Array): Buffer {
  const payload = Buffer.alloc(509);
  payload.writeUInt8(command, 0);
  payload.writeUInt16BE(body.length, 9);
  payload.set(body, 11);
  const digest = createHash('sha1').update(keys.subarray(0, 20)).update(payload).digest();
  payload.set(digest.subarray(0, 4), 5);
  const cipher = createCipheriv('aes-128-ctr', keys.subarray(40, 56), Buffer.alloc(16));
  return encodeFixedCell(COMMAND.relayEarly, OUR_CIRC_ID, cipher.update(payload));
}

describe('the link handshake with the tor of the distribution', { skip, timeout: 2 * TIMEOUT_MS }, () => {
  const ours = new OurRelay();
  let ourPort = 0;
  let relay: Tor;
  const nobody = `DirAuthority nobody orport=9 v3ident=${'F'.repeat(40)} 127.0.0.1:9 ${'A'.repeat(40)}`;

  before(async () => {
    ourPort = await ours.listen();
    relay = new Tor([
      ...['Nickname ctor', 'Address 127.0.0.1', 'ORPort 127.0.0.1:auto', 'SocksPort 0', 'ExitRelay 0'],
      ...['AssumeReachable 1', 'PublishServerDescriptor 0', nobody],
    ]);
  });

  after(async () => {
    await relay.stop();
    await ours.close();
  });

  const fingerprint = (): Promise<string> =>
    relay.logged(/identity key fingerprint is 'ctor ([0-9A-F]{40})'/);

  async function dial(t: TestContext, peerId: string, ed25519Identity?: Uint8Array): Promise<NodeLink> {
    const port = Number(await relay.logged(/Opened OR listener.*127\.0\.0\.1:(\d+)/));
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    const target = { host: '127.0.0.1', port, peerId, ed25519Identity };
    const handshake = ours.dialect.openerHandshake(ours.identity.rsaFingerprint, target, `127.0.0.1:${port}`);
    return new NodeLink(socket, handshake);
  }

  /** Tag (32) | secret key (32) | public key (32). */
  const ntorKey = (): Buffer => relay.read('keys/secret_onion_key_ntor').subarray(64, 96);

  test('as initiator: tor proves its identities, and takes our AUTHENTICATE', async (t) => {
    const link = await dial(t, await fingerprint());
    const step = await link.opened;
    assert.equal(step.peerId, await fingerprint());
    const { details } = link.handshake;
    assert.equal(details?.linkVersion, 5);
    assert.equal(details.observedOwnAddress, '127.0.0.1');
    assert.ok(Math.abs(details.clockSkewSeconds ?? 99) < 30);
    // It opens by NETINFO, which comes after AUTHENTICATE, and names whom it believes us to be.
    const id = ours.identity.rsaFingerprint;
    await relay.logged(new RegExp(`Got good NETINFO cell.*ID digest is ${id}`));
  });

  test('as initiator: another relay than was asked for is refused', async (t) => {
    const stranger = 'A'.repeat(40);
    const link = await dial(t, stranger);
    const id = await fingerprint();
    const message = new RegExp(`${stranger}.*${id}`);
    await assert.rejects(link.opened, { code: 'ERR_KIST_WRONG_IDENTITY', message });
    const other = await dial(t, id, new Uint8Array(32).fill(1));
    await assert.rejects(other.opened, { code: 'ERR_KIST_WRONG_IDENTITY' });
  });

  test('tor answers ntor-v3', async (t) => {
    const link = await dial(t, await fingerprint());
    await link.opened;
    const ed25519Identity = link.handshake.details?.peer?.ed25519Identity ?? Buffer.alloc(0);
    const hop = new NtorV3Client({ ed25519Identity, ntorKey: ntorKey() });
    link.send(encodeFixedCell(COMMAND.create2, OUR_CIRC_ID, hop.payload));
    assert.equal(hop.finish(parseCreated2(await link.cell())).length, 72);
  });

  test('as responder: a tor relay that extends to us authenticates itself', async (t) => {
    const link = await dial(t, await fingerprint());
    await link.opened;
    const rsaDigest = Buffer.from(await fingerprint(), 'hex');
    const hop = new NtorClient({ rsaDigest, ntorKey: ntorKey() });
    link.send(encodeFixedCell(COMMAND.create2, OUR_CIRC_ID, hop.payload));
    const keys = hop.finish(parseCreated2(await link.cell()));

    // Back to the previous hop it would not extend.
    const third = new OurRelay();
    t.after(() => third.close());
    const port = await third.listen();
    const { rsaFingerprint, ed25519Identity } = third.identity;
    const next = new NtorClient({
      rsaDigest: Buffer.from(rsaFingerprint, 'hex'),
      ntorKey: Buffer.alloc(32, 9),
    });
    const specifiers = { ipv4: { host: '127.0.0.1', port }, rsaFingerprint, ed25519Identity };
    const body = encodeExtend2({ specifiers, handshake: next.payload });
    link.send(firstRelayCell(keys, RELAY_COMMAND.extend2, body));

    const back = await third.accepted();
    const step = await back.opened;
    assert.equal(step.peerId, await fingerprint());
    assert.deepEqual(back.handshake.details?.peer, link.handshake.details?.peer);
    const created = parseCreate(await back.cell());
    assert.deepEqual(created, parseCreate2(next.payload));
  });

  test('as responder: a tor client opens without an identity', async (t) => {
    const bridge = `Bridge 127.0.0.1:${ourPort} ${ours.identity.rsaFingerprint}`;
    const client = new Tor(['SocksPort auto', 'UseBridges 1', bridge, nobody]);
    t.after(() => client.stop());
    const link = await ours.accepted();
    const step = await link.opened;
    assert.equal(step.peerId, '');
    assert.equal(link.handshake.details?.peer, undefined);
    assert.equal(link.handshake.details?.clockSkewSeconds, undefined);
    assert.equal((await link.cell())[4], COMMAND.createFast);
  });
});
