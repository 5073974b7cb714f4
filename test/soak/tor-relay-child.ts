/**
 * A relay of ours in a process of its own, so that what this process holds is the relay's. Driven by messages, one answer
 * each: see RelayOrder. It may live several times, always with the data directory and the port of the first time; ends
 * with its parent.
 */
import { lookup } from 'node:dns/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ExitPolicy } from '../../src/directory/index.js';
import {
  DirectoryLock,
  KeyDirectory,
  OnionKeys,
  RouterIdentity,
  StateFile,
} from '../../src/identity/index.js';
import { DataPlane } from '../../src/index.js';
import { TorRelay } from '../../src/relay/tor/index.js';
import type { DirectoryAuthority } from '../../src/relay/tor/index.js';
import { systemClock } from '../../src/util/clock.js';
import { createLogger } from '../../src/util/logger.js';
import { planeResources, processResources, settle } from './resources.js';
import type { Resources } from './resources.js';

/** What the parent may ask for. */
export type RelayOrder =
  | { readonly op: 'warmUp' | 'start'; readonly init: RelayInit }
  | { readonly op: 'look' | 'drain' | 'stop' | 'heap' };

export interface RelayInit {
  readonly nickname: string;
  readonly role: 'middle' | 'exit';
  readonly dataDirectory: string;
  readonly authorities: readonly DirectoryAuthority[];
  readonly threads: number;
}

/** What the relay holds while it runs. */
export interface RelayLook {
  readonly fingerprint: string;
  readonly held: Resources;
  readonly cellsIn: number;
  readonly circuitsAccepted: number;
  readonly circuitsRefused: number;
  readonly extendsFailed: number;
  readonly streamsOpened: number;
  readonly closed: Record<string, Record<string, number>>;
}

/** What was left of a life after its end: of the data plane before it closed, of the process after. */
export interface RelayRemains {
  readonly plane: Resources;
  readonly process: { readonly start: Resources; readonly end: Resources };
}

const SETTLE_MS = 15_000;
/** Node's pool, which lookups and files use, has four threads. */
const POOL = 4;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

class Life {
  readonly relay: TorRelay;
  readonly plane: DataPlane;
  readonly #lock: DirectoryLock;

  private constructor(relay: TorRelay, plane: DataPlane, lock: DirectoryLock) {
    this.relay = relay;
    this.plane = plane;
    this.#lock = lock;
  }

  static async start(init: RelayInit, port: number, publishes: boolean): Promise<Life> {
    const { nickname, role, dataDirectory, authorities, threads } = init;
    const directory = KeyDirectory.open({ dataDirectory });
    const lock = DirectoryLock.acquire(dataDirectory);
    const clock = systemClock;
    const identity = await RouterIdentity.open({ directory, clock });
    const onionKeys = await OnionKeys.open({ directory, state: StateFile.open(dataDirectory), clock });
    const logger = createLogger('warn');
    const plane = new DataPlane({ threads }, { logger });
    const accepts = role === 'exit' ? ['accept 127.0.0.0/8:*', 'reject *:*'] : ['reject *:*'];
    const relay = new TorRelay({
      ...{ identity, onionKeys, nickname, authorities, publishes, clock, logger, dataPlane: plane },
      address: '127.0.0.1',
      orPorts: [{ host: '127.0.0.1', port }],
      exitPolicy: ExitPolicy.parse(accepts).policy,
      isTesting: true,
    });
    await relay.start();
    return new Life(relay, plane, lock);
  }

  held(): Resources {
    const { circuits, exitStreams, channels, dataPlane } = this.relay.stats();
    return {
      ...planeResources(dataPlane),
      relayCircuits: circuits,
      relayStreams: exitStreams,
      relayChannels: channels,
      queuedOnions: dataPlane.onions.queued,
    };
  }

  look(): RelayLook {
    const { control, cells, dataPlane, fingerprint } = this.relay.stats();
    const { channelsClosed, circuitsClosed, streamsClosed } = dataPlane;
    return {
      fingerprint,
      held: this.held(),
      cellsIn: cells?.cellsIn ?? 0,
      circuitsAccepted: control.circuitsAccepted,
      circuitsRefused: control.circuitsRefused,
      extendsFailed: control.extendsFailed,
      streamsOpened: cells?.streamsOpened ?? 0,
      closed: { channels: channelsClosed, circuits: circuitsClosed, streams: streamsClosed },
    };
  }

  /** Everything but what the data plane still holds is given back. */
  async stop(): Promise<Resources> {
    await this.relay.stop();
    const plane = await settle(() => planeResources(this.plane.stats()), {}, SETTLE_MS);
    this.plane.close();
    this.#lock.release();
    return plane;
  }
}

let life: Life | undefined;
let port = 0;
let start: Resources = {};

/** What the first relay of a process leaves for good (the addon, thread pool, resolver) is not a leak. */
async function warmUp(init: RelayInit): Promise<RelayLook> {
  const first = await Life.start(init, port, false);
  ({ orPort: port } = first.relay);
  await Promise.all(Array.from({ length: POOL }, () => lookup('localhost')));
  const look = first.look();
  await first.stop();
  collect();
  start = await settle(processResources, {}, 500);
  return look;
}

/** Waits until no circuit is left; channels may stay, idle. */
async function drain(running: Life): Promise<Resources> {
  const read = (): Resources => {
    const { channels: _channels, relayChannels: _idle, memoryBytes: _bytes, ...rest } = running.held();
    return rest;
  };
  await settle(read, {}, SETTLE_MS);
  return running.held();
}

async function obey(order: RelayOrder): Promise<unknown> {
  if (order.op === 'warmUp') return await warmUp(order.init);
  if (order.op === 'start') {
    life = await Life.start(order.init, port, true);
    return life.look();
  }
  if (order.op === 'heap') {
    collect();
    return process.memoryUsage().heapUsed;
  }
  if (life === undefined) throw new Error('no relay runs');
  if (order.op === 'look') return life.look();
  if (order.op === 'drain') return await drain(life);
  const plane = await life.stop();
  life = undefined;
  collect();
  return { plane, process: { start, end: await settle(processResources, start, SETTLE_MS) } };
}

process.on('disconnect', () => process.exit());
process.on('message', (order: RelayOrder) => {
  void obey(order).then(
    (value) => process.send?.({ value }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
  );
});
