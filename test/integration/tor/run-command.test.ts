import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestNetwork } from '../../../src/network/testnet/index.js';
import { temporaryFolder } from '../../support/house-process.js';
import { repository } from '../../support/house-source.js';
import { torMissing } from './support.js';

/** `kist-relay run` as an operator uses it: keys of C tor, a torrc, MetricsPort, signals. */
const skip = torMissing();
const main = join(repository, 'dist/src/cli/main.js');
const folder = temporaryFolder('run-command');
const torrc = join(folder, 'torrc');
const data = join(folder, 'data');

let network: TestNetwork;
let relay: ChildProcess | undefined;
let log = '';
let metricsPort = 0;

/** A port that nobody listens at: `MetricsPort` knows no `auto`. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function waitFor(pattern: RegExp, ms = 90_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      clearInterval(poll);
      reject(new Error(`waited in vain for ${pattern} in:\n${log}`));
    }, ms);
    const poll = setInterval(() => {
      const found = pattern.exec(log);
      if (found === null) return;
      clearInterval(poll);
      clearTimeout(timer);
      resolve(found[0]);
    }, 50);
  });
}

function scrape(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/metrics' }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

before(
  async () => {
    if (skip !== false) return;
    network = await TestNetwork.start({ relays: 1, exits: 1, clients: 0 });
    metricsPort = await freePort();
    const lines = [
      ...network.joiningLines(),
      'Nickname migrated',
      'ORPort 127.0.0.1:auto',
      `DataDirectory ${data}`,
      `MetricsPort 127.0.0.1:${metricsPort}`,
      'MetricsPortPolicy accept 127.0.0.1',
      'Log notice stdout',
    ];
    writeFileSync(torrc, `${lines.join('\n')}\n`);
  },
  { timeout: 120_000 },
);
after(async () => {
  relay?.kill('SIGKILL');
  await network?.close();
  rmSync(folder, { recursive: true, force: true });
});

test(
  'a relay with the keys of C tor is listed under the fingerprint it had there',
  { skip, timeout: 150_000 },
  async () => {
    const lines = ['--DataDirectory', data, '--ORPort', '9', '--Nickname', 'migrated', '--list-fingerprint'];
    const made = spawnSync('tor', [
      '-f',
      '/dev/null',
      '--ignore-missing-torrc',
      '--hush',
      ...lines,
      '--Address',
      '127.0.0.1',
    ]);
    const fingerprint =
      /migrated ([0-9A-F ]{40,})/.exec(made.stdout.toString())?.[1]?.replaceAll(' ', '') ?? '';
    assert.match(fingerprint, /^[0-9A-F]{40}$/, made.stdout.toString());
    relay = spawn(process.execPath, [main, 'run', '-f', torrc], { stdio: ['ignore', 'pipe', 'inherit'] });
    relay.stdout?.on('data', (part: Buffer) => (log += part.toString()));
    await waitFor(/the consensus lists this relay: .*Running.*Valid/);
    assert.ok(log.includes(fingerprint), log);
    await network.waitForRelay(fingerprint, ['Running', 'Valid']);
    assert.equal(readFileSync(join(data, 'fingerprint'), 'utf8'), `migrated ${fingerprint}\n`);
  },
);

test('the torrc is found valid by the command that only looks', { skip, timeout: 60_000 }, () => {
  const verified = spawnSync(process.execPath, [main, 'run', '-f', torrc, '--verify-config']);
  assert.equal(verified.status, 0);
  assert.match(verified.stdout.toString(), /Configuration was valid/);
});

test('MetricsPort has the families of C tor, and ours', { skip }, async () => {
  const text = await scrape(metricsPort);
  assert.match(text, /^tor_relay_flag\{type="Running"\} 1$/m);
  assert.match(text, /^tor_relay_load_onionskins_total\{type="ntor",action="processed"\} \d+$/m);
  assert.match(text, /^kist_scheduler_runs_total\{kind="timed"\} \d+$/m);
  assert.match(text, /^kist_relay_info\{nickname="migrated",fingerprint="[0-9A-F]{40}"\} 1$/m);
});

test('HUP with a bad torrc keeps the relay as it is and says why', { skip, timeout: 60_000 }, async () => {
  const good = readFileSync(torrc, 'utf8');
  writeFileSync(torrc, `${good}NoSuchOption 1\n`);
  relay?.kill('SIGHUP');
  await waitFor(/\[warn\].*NoSuchOption/);
  assert.equal(relay?.exitCode, null);
  writeFileSync(torrc, `${good}ContactInfo somebody\n`);
  const before = log.length;
  relay?.kill('SIGHUP');
  await waitFor(/Received reload signal \(hup\)[\s\S]*Received reload signal \(hup\)/);
  assert.equal(/\[err\]/.test(log.slice(before)), false);
});

test('a second relay on the same data directory does not start', { skip, timeout: 60_000 }, () => {
  const second = spawnSync(process.execPath, [main, 'run', '-f', torrc, '--MetricsPort', '0'], {
    timeout: 50_000,
  });
  assert.equal(second.status, 1);
  assert.match(second.stdout.toString() + second.stderr.toString(), /another relay is using/);
});

test(
  'INT stops to accept, a second one ends at once with exit code 0',
  { skip, timeout: 60_000 },
  async () => {
    const ended = new Promise<number | null>((resolve) => relay?.on('exit', resolve));
    relay?.kill('SIGINT');
    await waitFor(/we have stopped accepting new connections|Clean shutdown finished/);
    relay?.kill('SIGINT');
    assert.equal(await ended, 0);
  },
);
