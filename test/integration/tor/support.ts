/** What the tests with Debian's tor share: whether they can run, a network with a driven client, checked transfers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { TestNetwork } from '../../../src/network/testnet/index.js';
import type { TestNetworkOptions } from '../../../src/network/testnet/index.js';
import { WebServer } from '../../support/web-server.js';
import { TorDriver, driverMissing } from './support-driver.js';
import { fetchOver, patternHash } from './support-socks.js';

/** Why a test with Debian's tor cannot run on this machine; false when it can. */
export function torMissing(): string | false {
  const found = spawnSync('tor', ['--version'], { stdio: 'ignore' });
  return found.status === 0 ? false : 'skipped: needs tor';
}

/** The same for tests that pin circuits. */
export function pinnedMissing(): string | false {
  return torMissing() || (driverMissing() ?? false);
}

/** A network that is ready, the driver of its first client and a web server beside it. */
export interface TorScene {
  readonly network: TestNetwork;
  readonly driver: TorDriver;
  readonly web: WebServer;
  close(): Promise<void>;
}

export async function startScene(options: TestNetworkOptions = {}): Promise<TorScene> {
  const network = await TestNetwork.start(options);
  try {
    await network.ready();
    // An exit that has no consensus yet takes its neighbour for a client and refuses the stream.
    for (const { fingerprint } of network.relays) await network.waitUntilKnown(fingerprint);
    const driver = await TorDriver.start(network.clients[0]?.controlPort ?? 0);
    const web = await WebServer.start();
    const close = async (): Promise<void> => {
      await driver.close();
      await web.close();
      await network.close();
    };
    return { network, driver, web, close };
  } catch (error) {
    await network.close();
    throw error;
  }
}

/** What was moved over one circuit, and how fast. */
export interface Moved {
  readonly circuit: string;
  readonly seconds: number;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const since = performance.now();
  await work();
  return (performance.now() - since) / 1000;
}

function targetOf({ network, web }: TorScene, circuit: string): Parameters<typeof fetchOver>[0] {
  return { socksPort: network.clients[0]?.socksPort ?? 0, circuit, host: '127.0.0.1', port: web.port };
}

/** Downloads `bytes` over a circuit and checks every one of them. */
export async function download(scene: TorScene, circuit: string, bytes: number): Promise<Moved> {
  const seconds = await timed(async () => {
    const { status, size, sha256 } = await fetchOver(targetOf(scene, circuit), `/bytes/${bytes}`);
    assert.deepEqual({ status, size, sha256 }, { status: 200, size: bytes, sha256: patternHash(bytes) });
  });
  return { circuit, seconds };
}

/** Uploads `bytes` over a circuit; the server tells what it got. */
export async function upload(scene: TorScene, circuit: string, bytes: number): Promise<Moved> {
  const seconds = await timed(async () => {
    const { status, text } = await fetchOver(targetOf(scene, circuit), '/sha256', { uploadBytes: bytes });
    assert.equal(status, 200);
    const { size, sha256 } = JSON.parse(text) as { size: number; sha256: string };
    assert.deepEqual({ size, sha256 }, { size: bytes, sha256: patternHash(bytes) });
  });
  return { circuit, seconds };
}

/** Tells in the test's output how fast a transfer was. */
export function tellSpeed(t: TestContext, what: string, bytes: number, { seconds }: Moved): void {
  t.diagnostic(`${what}: ${(bytes / 1e6 / seconds).toFixed(1)} MB/s (${seconds.toFixed(1)} s)`);
}
