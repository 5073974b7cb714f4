import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { TestNetwork, expectedFlags } from '../../../src/network/testnet/index.js';
import { DriverError } from './support-driver.js';
import { SocksError, socksConnect } from './support-socks.js';
import { download, pinnedMissing, startScene, tellSpeed, torMissing, upload } from './support.js';
import type { TorScene } from './support.js';

const MEGABYTE = 1_000_000;
const READY_WITHIN_S = 90;

const skip = pinnedMissing();

function isAlive(pid: number): boolean {
  try {
    // A zombie has ended too; its parent has only not asked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!isSo()) {
    assert.ok(performance.now() < end, `waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let scene: TorScene;
let readyAfterS = 0;

before(
  async () => {
    if (skip !== false) return;
    scene = await startScene({ onProgress: ({ seconds }) => (readyAfterS = seconds) });
  },
  { timeout: 180_000 },
);
after(() => scene?.close());

function pathOf(): [string, string, string] {
  const { relays, exits } = scene.network;
  return [relays[0]?.fingerprint ?? '', relays[1]?.fingerprint ?? '', exits[0]?.fingerprint ?? ''];
}

test(
  'the network is up in a minute and a half, every node in the consensus with its flags',
  { skip },
  async (t) => {
    t.diagnostic(`ready after ${readyAfterS.toFixed(1)} s`);
    assert.ok(readyAfterS < READY_WITHIN_S);
    const consensus = await scene.network.consensus();
    for (const { name, role, fingerprint, orPort } of scene.network.nodes) {
      if (role === 'client') continue;
      const entry = consensus?.relays.find((relay) => relay.fingerprint === fingerprint);
      assert.deepEqual({ name: entry?.nickname, orPort: entry?.orPort }, { name, orPort });
      for (const flag of expectedFlags(role))
        assert.ok(entry?.flags.includes(flag), `${name} has no ${flag}`);
    }
  },
);

test(
  '20 MB come down byte for byte over a circuit of three named relays, 2 MB go up',
  { skip, timeout: 120_000 },
  async (t) => {
    const circuit = await scene.driver.build(pathOf());
    tellSpeed(t, 'down', 20 * MEGABYTE, await download(scene, circuit, 20 * MEGABYTE));
    tellSpeed(t, 'up', 2 * MEGABYTE, await upload(scene, circuit, 2 * MEGABYTE));
    const path = new RegExp(`^${circuit} BUILT (\\S+)`, 'm').exec(
      await scene.driver.info('circuit-status'),
    )?.[1];
    assert.deepEqual(
      path?.split(',').map((hop) => hop.slice(1, 41)),
      pathOf(),
    );
    await scene.driver.closeCircuit(circuit);
  },
);

test('many streams share one circuit', { skip, timeout: 60_000 }, async () => {
  const circuit = await scene.driver.build(pathOf());
  await Promise.all(Array.from({ length: 20 }, (_, i) => download(scene, circuit, 1000 + i * 777)));
});

test(
  'a relay that nobody knows and an exit that accepts no streams are reported with their reasons',
  { skip, timeout: 60_000 },
  async () => {
    const [first, second] = pathOf();
    await assert.rejects(scene.driver.build([first, 'F'.repeat(40), second]), DriverError);
    const circuit = await scene.driver.build([first, second]);
    const { socksPort = 0 } = scene.network.clients[0] ?? {};
    await assert.rejects(
      socksConnect({ socksPort, circuit, host: '127.0.0.1', port: scene.web.port }),
      SocksError,
    );
    assert.equal(await scene.driver.refusal(circuit), 'EXITPOLICY');
  },
);

test('a wait for a relay that never joins says where it is missing', { skip, timeout: 30_000 }, async () => {
  await assert.rejects(scene.network.waitForRelay('A'.repeat(40), ['Running'], 500), {
    code: 'ERR_KIST_TIMEOUT',
    message: /does not list it; auth1 has no descriptor of it/,
  });
});

test('a node that is lost ends every wait', { skip, timeout: 30_000 }, async () => {
  const network = await TestNetwork.start({ authorities: 1, relays: 1, exits: 0, clients: 0 });
  try {
    const waiting = network.ready();
    process.kill(network.relays[0]?.process.pid ?? 0, 'SIGKILL');
    await assert.rejects(waiting, {
      code: 'ERR_KIST_TOR_LOST',
      message: /^relay1 ended by itself \(SIGKILL\)/,
    });
  } finally {
    await network.close();
  }
});

test(
  'closing ends every process and removes the folder',
  { skip: torMissing(), timeout: 60_000 },
  async () => {
    const network = await TestNetwork.start({ authorities: 1, relays: 1, exits: 0, clients: 1 });
    const pids = network.nodes.map((node) => node.process.pid);
    assert.ok(pids.every((pid) => isAlive(pid)) && existsSync(network.folder));
    await Promise.all([network.close(), network.close()]);
    assert.deepEqual(
      pids.filter((pid) => isAlive(pid)),
      [],
    );
    assert.equal(existsSync(network.folder), false);
    await assert.rejects(network.ready(), { code: 'ERR_KIST_CLOSED' });
  },
);

test('nothing outlives a program that is killed', { skip: torMissing(), timeout: 60_000 }, async () => {
  const module = new URL('../../../src/network/testnet/index.js', import.meta.url).href;
  const program = `import { TestNetwork } from ${JSON.stringify(module)};
    const network = await TestNetwork.start({ authorities: 1, relays: 1, exits: 0, clients: 1 });
    console.log(JSON.stringify({ folder: network.folder, pids: network.nodes.map((node) => node.process.pid) }));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', resolve);
    child.once('error', reject);
  });
  const { folder, pids } = JSON.parse(line) as { folder: string; pids: number[] };
  assert.ok(pids.length === 3 && pids.every((pid) => isAlive(pid)) && existsSync(folder));
  child.kill('SIGKILL');
  await until('every process has ended', () => !pids.some((pid) => isAlive(pid)));
  await until('the folder is gone', () => !existsSync(folder));
});

test('a machine without tor is told what to install', async () => {
  await assert.rejects(TestNetwork.start({ path: '/nonexistent' }), {
    code: 'ERR_KIST_TOR_MISSING',
    message: 'tor is not on this machine; install it with: apt-get install tor',
  });
});

test('a wrong option is named', async () => {
  await assert.rejects(TestNetwork.start({ authorities: 0 }), /^TypeError: authorities must be/);
  await assert.rejects(
    TestNetwork.start({ votingInterval: 11 }),
    /^TypeError: votingInterval must be a divisor/,
  );
});

test(
  'a torrc that tor refuses fails the start with its words, and leaves nothing running',
  { skip: torMissing(), timeout: 60_000 },
  async () => {
    const folders: string[] = [];
    const starting = TestNetwork.start({
      ...{ authorities: 1, relays: 1, exits: 0, clients: 0, torrc: { relay: ['NoSuchOption 1'] } },
      onProgress: ({ text }) => folders.push(...text.split(' ').filter((word) => word.startsWith('/'))),
    });
    await assert.rejects(starting, {
      code: 'ERR_KIST_TOR_START',
      message: /relay1 did not start: [\s\S]*NoSuchOption/,
    });
    assert.equal(folders.length, 1);
    assert.equal(existsSync(folders[0] ?? ''), false);
  },
);
