import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EmbeddedNetwork } from '../../src/network/index.js';
import { pageBytes } from '../support/web-page.js';
import { WebServer } from '../support/web-server.js';

const CHROMIUM = '/usr/bin/chromium';
const RESOURCES = 150;
const CELL_BODY = 498;

/** Loads `url` in a headless browser of its own, ended when `done` settles. */
async function browse<T>(url: string, proxyPort: number, done: Promise<T>): Promise<T> {
  const profile = await mkdtemp(join(tmpdir(), 'kist-relay-browser-'));
  const browser = spawn(
    CHROMIUM,
    [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--remote-debugging-port=0', // Keeps it open until it is ended.
      `--user-data-dir=${profile}`,
      `--proxy-server=http://127.0.0.1:${proxyPort}`,
      '--proxy-bypass-list=<-loopback>', // Or it would go round the proxy.
      url,
    ],
    { stdio: 'ignore' },
  );
  const gone = new Promise<void>((resolve) => browser.once('close', () => resolve()));
  const deadline = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('the page reported nothing within 60 s')), 60_000).unref();
  });
  try {
    return await Promise.race([done, deadline]);
  } finally {
    browser.kill('SIGKILL');
    await gone;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const skip = existsSync(CHROMIUM) ? false : 'skipped: needs chromium (apt-get install chromium)';

describe('a browser through a three-hop circuit', { skip }, () => {
  let web: WebServer;
  let network: EmbeddedNetwork;

  before(async () => {
    web = await WebServer.start();
    network = await EmbeddedNetwork.start({ relays: 5, proxyPort: 0 });
  });
  after(async () => {
    await network.stop();
    await web.close();
  });

  for (let run = 1; run <= 5; run++) {
    it(`loads a page of ${RESOURCES} resources, every byte right (${run} of 5)`, async () => {
      const before = network.hops();
      const report = await browse(`${web.origin}/page/${RESOURCES}`, network.proxy.port, web.nextReport());
      assert.deepEqual(report, { page: RESOURCES, ok: RESOURCES, failed: [] });
      const atLeast = Math.floor(pageBytes(RESOURCES) / CELL_BODY);
      const now = network.hops();
      assert.equal(now.length, 3);
      now.forEach((hop, index) => {
        const carried = hop.towardOrigin - (before[index]?.towardOrigin ?? 0);
        assert.ok(carried >= atLeast, `${hop.name} carried ${carried} DATA cells, fewer than ${atLeast}`);
      });
    });
  }
});
