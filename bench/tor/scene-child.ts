/**
 * The private network of the bench, in a process and a network namespace of its own: `unshare -n node scene-child.js
 * OPTIONS` with SceneOptions as JSON. Authorities, guards, an exit and clients are Debian's tor; the relays under test
 * take turns in the middle of the circuits. Says {event: 'ready'}, then answers SceneRequests, one a line, with an event
 * named after the request or {event, error}; ends with its input.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { TestNetwork } from '../../src/network/testnet/index.js';
import { messageOf } from '../../src/util/errors.js';
import { TorDriver } from '../../test/integration/tor/support-driver.js';
import { ChildSet } from '../support/child-set.js';
import { IdleChannels } from './idle-channels.js';
import { Loads } from './loads.js';
import { narrow, narrowBytes, setUpLoopback, widen } from './loopback.js';
import { localPorts, machineSeconds, processSeconds, residentBytes, treeSeconds } from './process-times.js';
import type { ChannelMemory, LoadSample, SceneOptions, SceneRequest, Tested } from './scene-messages.js';
import { startTested } from './tested-relays.js';
import type { TestedRelay } from './tested-relays.js';

const CLIENTS = 3;
const SETTLE_MS = 3000;
/** As in the live network; what is left out here is for directories, onion services and bandwidth measurement. */
const CONSENSUS_PARAMETERS = [
  'KISTSchedRunInterval=3',
  'CircuitPriorityHalflifeMsec=30000',
  'circ_max_cell_queue_size=1250',
  'circ_max_cell_queue_size_out=1000',
  'sendme_emit_min_version=1',
  'cc_alg=2',
  'cc_cwnd_full_gap=4',
  'cc_cwnd_full_minpct=25',
  'cc_cwnd_inc=1',
  'cc_cwnd_inc_rate=31',
  'cc_cwnd_min=124',
  'cc_sscap_exit=600',
  'cc_vegas_alpha_exit=186',
  'cc_vegas_beta_exit=248',
  'cc_vegas_delta_exit=310',
  'cc_vegas_gamma_exit=186',
  'cfx_enabled=0',
];

const { relays } = JSON.parse(process.argv[2] ?? '{}') as SceneOptions;
const children = new ChildSet();
const tested = new Map<Tested, TestedRelay>();
let network: TestNetwork;
let loads: Loads;
let isNarrow = false;

function say(event: string, fields: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

function relayNamed(kind: Tested): TestedRelay {
  const relay = tested.get(kind);
  if (relay === undefined) throw new Error(`no relay ${kind} in this scene`);
  return relay;
}

async function open(): Promise<void> {
  await setUpLoopback();
  network = await TestNetwork.start({
    relays: 4,
    clients: CLIENTS,
    votingInterval: 20,
    consensusParameters: CONSENSUS_PARAMETERS,
    // For the error, if it does not come up.
    onProgress: ({ seconds, text }) => void process.stderr.write(`${seconds.toFixed(1)} s: ${text}\n`),
  });
  // Before the first vote, so that the first consensus has them.
  for (const kind of relays)
    tested.set(kind, await startTested({ network, children, kind, name: kind, publishes: true }));
  await network.ready();
  for (const [kind, { fingerprint }] of tested) {
    await network.waitForRelay(fingerprint, ['Fast', 'Running', 'Valid']);
    process.stderr.write(`${kind} is in the consensus\n`);
    await network.waitUntilKnown(fingerprint);
    process.stderr.write(`${kind} is known to all\n`);
  }
  const clients = network.clients.map(async ({ socksPort, controlPort }) => ({
    socksPort,
    driver: await TorDriver.start(controlPort),
  }));
  loads = await Loads.start(network, await Promise.all(clients));
}

async function sample(relay: TestedRelay): Promise<LoadSample> {
  const payloadBytes = loads.received;
  const cpuSeconds = processSeconds(relay.pid);
  return {
    payloadBytes,
    cpuSeconds,
    nowNs: Number(process.hrtime.bigint()),
    residentBytes: residentBytes(relay.pid),
    running: loads.running,
    machineSeconds: machineSeconds(),
    sceneSeconds: treeSeconds(process.pid),
    linkBytes: isNarrow ? await narrowBytes() : 0,
  };
}

/** A fresh relay, since memory that was used once is not given back. */
async function channelMemory(kind: Tested, few: number, many: number): Promise<ChannelMemory> {
  const name = `${kind}${turn++}`;
  const relay = await startTested({ network, children, kind, name, publishes: false });
  const channels = new IdleChannels(relay.port);
  try {
    await channels.fill(few);
    await sleepFor(SETTLE_MS);
    const fewBytes = residentBytes(relay.pid);
    await channels.fill(many);
    await sleepFor(SETTLE_MS);
    return { fewBytes, manyBytes: residentBytes(relay.pid) };
  } finally {
    channels.close();
    await relay.end();
  }
}
let turn = 0;

async function answer(request: SceneRequest): Promise<object> {
  switch (request.op) {
    case 'bulk':
      await loads.startBulk(relayNamed(request.relay).fingerprint, request.circuits);
      return {};
    case 'sample':
      return await sample(relayNamed(request.relay));
    case 'idle':
      await loads.stopBulk();
      return {};
    case 'small': {
      const { relay, count, atOnce, bytes } = request;
      return { downloads: await loads.small(relayNamed(relay).fingerprint, count, atOnce, bytes) };
    }
    case 'narrow': {
      const { bitsPerSecond, queueBytes } = request;
      await narrow({ ports: localPorts(relayNamed(request.relay).pid), bitsPerSecond, queueBytes });
      isNarrow = true;
      return {};
    }
    case 'widen':
      isNarrow = false;
      await widen();
      return {};
    case 'channels':
      return await channelMemory(request.relay, request.few, request.many);
  }
}

try {
  await open();
  say('ready', { pids: Object.fromEntries([...tested].map(([kind, { pid }]) => [kind, pid])) });
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as SceneRequest;
    await answer(request).then(
      (fields) => say(request.op, fields),
      (error: unknown) => say(request.op, { error: messageOf(error) }),
    );
  }
} catch (error) {
  say('ready', { error: messageOf(error) });
}
process.exit(0);
