/**
 * A bit of everything that keeps the data plane busy: `sanitized-child.js HOW SCALE`. HOW is `end` (everything stopped,
 * natural end) or `exit` (process.exit() in the middle of it all); SCALE shrinks the amounts for a slow build.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { EmbeddedNetwork, runSmoke } from '../../../src/network/index.js';
import { abortedDownload, download, slowDownload, tunnel, upload } from '../../soak/fetches.js';
import type { FetchContext } from '../../soak/fetches.js';
import { WebServer } from '../../support/web-server.js';

const [how = 'end', scaleText = '1'] = process.argv.slice(2);
const scale = Number(scaleText);
const MB = 1_000_000;

const web = await WebServer.start();
const network = await EmbeddedNetwork.start({ relays: 4, proxyPort: 0, dataPlane: { threads: 2 } });
let bytes = 0;
let wrong = 0;
const context: FetchContext = {
  proxyPort: network.proxy.port,
  site: web.origin,
  onBytes: (count) => void (bytes += count),
  onWrongBytes: () => void wrong++,
};

async function step(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  console.log(`  ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function together(count: number, work: () => Promise<void>): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, work));
}

/** Bytes that are no cells, to a relay. */
async function noise(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  socket.write(Buffer.alloc(2000, 0xa5));
  await pause(50);
  socket.resetAndDestroy();
}

/** The circuit closes under whatever goes on, and another is built. */
async function loseCircuit(): Promise<void> {
  const fetching = download(context, 50 * MB).catch(() => undefined);
  await pause(200);
  network.origin.circuit?.close();
  await fetching;
  await network.origin.ready();
}

await step('smoke', () => runSmoke(network, AbortSignal.timeout(120_000)));
await step('download', () => download(context, Math.round(20 * MB * scale)));
await step('upload', () => upload(context, Math.round(10 * MB * scale)));
await step('many at once', () => together(Math.round(60 * scale), () => download(context, 60_000)));
await step('tunnels', () => together(8, () => tunnel(context, 200_000)));
await step('hung up', () => together(8, () => abortedDownload(context, 2 * MB)));
await step('slow readers', () => together(4, () => slowDownload(context, 500_000, 10)));
await step('noise', () => Promise.all(network.relays.map((relay) => noise(relay.port ?? 0))));
await step('lost circuits', async () => {
  for (let i = 0; i < 3; i++) await loseCircuit();
});
assert.equal(wrong, 0, 'wrong bytes');
assert.ok(bytes > MB);
if (how === 'exit') {
  void Promise.all([download(context, 500 * MB), upload(context, 50 * MB), tunnel(context, 50 * MB)]);
  await pause(300);
  console.log('exit');
  process.exit(0);
}
await network.stop();
await web.close();
await once(process, 'beforeExit');
console.log('end');
