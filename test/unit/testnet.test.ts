import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { readConsensusEntries } from '../../src/network/testnet/consensus-entries.js';
import { pickFreePorts } from '../../src/network/testnet/free-ports.js';
import { OwnerLink } from '../../src/network/testnet/owner-link.js';
import { poll } from '../../src/network/testnet/poll.js';
import { systemClock } from '../../src/util/clock.js';

const CONSENSUS = `network-status-version 3
vote-status consensus
valid-after 2026-11-22 03:02:50
dir-source auth1 0BC76EA13E7F2FAB40A1CF2E23208C0DE28A12FB 127.0.0.1 127.0.0.1 23133 11916
r relay1 p7YJhpJZRDo5iDzhMMN24uKIRRs 0123456789012345678901234567 2026-11-22 03:02:41 127.0.0.1 10156 0
s Fast Guard Running
v Tor 0.4.9.11
w Bandwidth=20 Unmeasured=1
p reject 1-65535
r bare AAAAAAAAAAAAAAAAAAAAAAAAAAA 0123456789012345678901234567 2026-11-22 03:02:41 127.0.0.1 9 0
s
directory-footer
r notRelay AAAAAAAAAAAAAAAAAAAAAAAAAAA x 2026-11-22 03:02:41 127.0.0.1 1 0
`;

test('a consensus is read to its relays with flags, weight and policy', () => {
  const consensus = readConsensusEntries(CONSENSUS);
  assert.equal(consensus?.validAfter, '2026-11-22 03:02:50');
  assert.deepEqual(consensus?.relays, [
    {
      nickname: 'relay1',
      fingerprint: 'A7B609869259443A39883CE130C376E2E288451B',
      address: '127.0.0.1',
      orPort: 10156,
      flags: ['Fast', 'Guard', 'Running'],
      bandwidth: 20,
      policy: 'reject 1-65535',
    },
    {
      nickname: 'bare',
      fingerprint: '0'.repeat(40),
      address: '127.0.0.1',
      orPort: 9,
      flags: [],
      bandwidth: undefined,
      policy: undefined,
    },
  ]);
});

test('what is no consensus gives none', () => {
  for (const text of ['', 'network-status-version 3\n', '<html>valid-after 2026-11-22 03:02:50</html>'])
    assert.equal(readConsensusEntries(text), undefined);
});

/** The other end of an owner link: keeps what was asked, says what it is told to. */
class FakeTor extends Duplex {
  asked = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.asked += chunk.toString();
    done();
  }

  override _read(): void {}
}

test('replies go to their questions in order, in pieces or with data lines; a refusal is an error', async () => {
  const tor = new FakeTor();
  const link = new OwnerLink(tor);
  const answers = [link.info('version'), link.info('desc/id/X'), link.ask('SETCONF No=1'), link.ask('PING')];
  for (const piece of [
    '250-version=0.4',
    '.9\r\n250 OK\r\n250+desc/id/X=\r\nrouter x\r\n..dot\r',
    '\n.\r\n250 OK\r\n',
  ])
    tor.push(piece);
  tor.push('552 Unrecognized option\r\n250 OK\r\n');
  assert.equal(await answers[0], '0.4.9');
  assert.equal(await answers[1], 'router x\n.dot');
  await assert.rejects(answers[2] ?? Promise.resolve(), {
    code: 'ERR_KIST_TOR_CONTROL',
    message: 'tor refused: 552 Unrecognized option',
  });
  assert.deepEqual(await answers[3], ['OK']);
  assert.equal(tor.asked, 'GETINFO version\r\nGETINFO desc/id/X\r\nSETCONF No=1\r\nPING\r\n');
});

test('questions that are open when the link breaks are answered by an error, and later ones at once', async () => {
  const tor = new FakeTor();
  const link = new OwnerLink(tor);
  const open = link.info('version');
  tor.destroy();
  await assert.rejects(open, { code: 'ERR_KIST_CLOSED' });
  await assert.rejects(link.ask('PING'), { code: 'ERR_KIST_CLOSED' });
});

test('free ports are distinct and can be listened on', async () => {
  const ports = await pickFreePorts('127.0.0.1', 20);
  assert.equal(new Set(ports).size, 20);
  const servers = ports.map((port) => createServer().listen(port, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  assert.deepEqual(
    servers.map((server) => (server.address() as AddressInfo).port),
    ports,
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

test('a wait that is over says what for and why', async () => {
  const keepAlive = setTimeout(() => undefined, 10_000);
  const look = (): Promise<undefined> => Promise.resolve(undefined);
  const waiting = poll({
    ...{ what: 'rain', timeoutMs: 0, clock: systemClock, look },
    explain: () => Promise.resolve('the sky is clear'),
  });
  await assert.rejects(waiting, { message: 'waited in vain for rain (0 s): the sky is clear' });
  clearTimeout(keepAlive);
});
