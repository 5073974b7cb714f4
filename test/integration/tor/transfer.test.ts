import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebServer } from '../../support/web-server.js';
import { ourRelayMissing, startOurRelay } from './support-our-relay.js';
import type { OurRelay } from './support-our-relay.js';
import { SocksError, socksConnect } from './support-socks.js';
import { download, pinnedMissing, startScene, tellSpeed, upload } from './support.js';
import type { TorScene } from './support.js';

const MEGABYTE = 1_000_000;
const FLAGS = ['Fast', 'Running', 'Valid'];

const skip = pinnedMissing() || ourRelayMissing;

/** Which relay stands at a hop: one of C tor's or one of ours. */
type Hop = 'ctor1' | 'ctor2' | 'ctorExit' | 'ourMiddle' | 'ourExit';

interface TransferCase {
  readonly name: string;
  readonly path: readonly Hop[];
  readonly megabytes: number;
}

// As first hops ours are reached by a client of C tor, which proves nothing about itself.
const CASES: readonly TransferCase[] = [
  {
    name: 'ours in the middle, both neighbours C tor',
    path: ['ctor1', 'ourMiddle', 'ctorExit'],
    megabytes: 100,
  },
  { name: 'ours as exit, C tor extends to us', path: ['ctor1', 'ctor2', 'ourExit'], megabytes: 100 },
  { name: 'two of ours, one extends to the other', path: ['ctor1', 'ourMiddle', 'ourExit'], megabytes: 100 },
  { name: 'ours first, extending to C tor', path: ['ourMiddle', 'ctor1', 'ctorExit'], megabytes: 20 },
  { name: 'ours first and last', path: ['ourMiddle', 'ctor1', 'ourExit'], megabytes: 20 },
  { name: 'ours alone', path: ['ourMiddle', 'ourExit'], megabytes: 20 },
];

let scene: TorScene;
const ours: OurRelay[] = [];
const fingerprints = new Map<Hop, string>();

before(
  async () => {
    if (skip !== false) return;
    scene = await startScene();
    const { network } = scene;
    ours.push(await startOurRelay({ network, nickname: 'ourMiddle', role: 'middle' }));
    ours.push(await startOurRelay({ network, nickname: 'ourExit', role: 'exit' }));
    const [middle, exit] = ours.map(({ fingerprint }) => fingerprint);
    const [ctor1, ctor2] = network.relays.map(({ fingerprint }) => fingerprint);
    const known = { ctor1, ctor2, ctorExit: network.exits[0]?.fingerprint, ourMiddle: middle, ourExit: exit };
    for (const [hop, fingerprint] of Object.entries(known)) fingerprints.set(hop as Hop, fingerprint ?? '');
  },
  { timeout: 180_000 },
);
after(async () => {
  await Promise.all(ours.map((relay) => relay.stop()));
  await scene?.close();
});

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const web = await WebServer.start();
  const { port } = web;
  await web.close();
  return port;
}

function pathOf(hops: readonly Hop[]): string[] {
  return hops.map((hop) => fingerprints.get(hop) ?? '');
}

test(
  'the authorities list ours as Running, Valid and Fast, the exit as Exit',
  { skip, timeout: 180_000 },
  async () => {
    const { network } = scene;
    const [middle, exit] = pathOf(['ourMiddle', 'ourExit']);
    await network.waitForRelay(middle ?? '', FLAGS);
    await network.waitForRelay(exit ?? '', [...FLAGS, 'Exit']);
    await network.waitUntilKnown(middle ?? '');
    await network.waitUntilKnown(exit ?? '');
  },
);

for (const { name, path, megabytes } of CASES) {
  test(`${name}: ${megabytes} MB down and a tenth of it up`, { skip, timeout: 240_000 }, async (t) => {
    const circuit = await scene.driver.build(pathOf(path));
    const down = megabytes * MEGABYTE;
    tellSpeed(t, 'down', down, await download(scene, circuit, down));
    tellSpeed(t, 'up', down / 10, await upload(scene, circuit, down / 10));
    await scene.driver.closeCircuit(circuit);
  });
}

test('small and large downloads share a circuit through ours', { skip, timeout: 120_000 }, async () => {
  const circuit = await scene.driver.build(pathOf(['ctor1', 'ourMiddle', 'ourExit']));
  const sizes = [200_000, 1, 5_000_000, 498, 50_000, 200_000];
  await Promise.all(sizes.map((size) => download(scene, circuit, size)));
  await scene.driver.closeCircuit(circuit);
});

test(
  'a port where nobody listens ends the stream with a reason, not the circuit',
  { skip, timeout: 60_000 },
  async () => {
    const circuit = await scene.driver.build(pathOf(['ctor1', 'ctor2', 'ourExit']));
    const { socksPort = 0 } = scene.network.clients[0] ?? {};
    const refused = socksConnect({ socksPort, circuit, host: '127.0.0.1', port: await closedPort() });
    await assert.rejects(refused, SocksError);
    assert.equal(await scene.driver.refusal(circuit), 'CONNECTREFUSED');
    assert.equal(
      scene.driver.eventsOf(circuit).some(({ event, status }) => event === 'circuit' && status !== 'BUILT'),
      false,
    );
  },
);
