import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findTorPrograms } from '../../src/network/testnet/index.js';
import { driverMissing } from '../../test/integration/tor/support-driver.js';
import type { BenchContext } from '../support/bench-types.js';
import type { BenchChild, BenchEvent } from '../support/child-set.js';
import { OWN_NAMESPACE } from './loopback.js';
import type {
  ChannelMemory,
  LoadSample,
  SceneOptions,
  SceneRequest,
  SmallDownload,
  Tested,
} from './scene-messages.js';

const READY_MS = 180_000;
const ANSWER_MS = 300_000;

/** Why the scene cannot be played on this machine; undefined when it can. */
export async function sceneMissing(): Promise<string | undefined> {
  try {
    await findTorPrograms();
  } catch {
    return 'skipped: needs tor';
  }
  const look = spawnSync('unshare', [...OWN_NAMESPACE.slice(1), 'tc', 'qdisc', 'show'], { stdio: 'ignore' });
  if (look.status !== 0) return 'skipped: needs iproute2 and the right to make network namespaces';
  return driverMissing();
}

/** The private network with the relays under test, in a network namespace of its own; see scene-child.ts. */
export class Scene {
  readonly #child: BenchChild;
  readonly #pids: Readonly<Record<string, number>>;

  private constructor(child: BenchChild, pids: Readonly<Record<string, number>>) {
    this.#child = child;
    this.#pids = pids;
  }

  static async open(context: BenchContext, options: SceneOptions): Promise<Scene> {
    const script = join(import.meta.dirname, 'scene-child.js');
    const args = [script, JSON.stringify(options)];
    const child = context.children.start(process.execPath, args, OWN_NAMESPACE);
    const ready = checked(await child.next('ready', READY_MS));
    return new Scene(child, ready['pids'] as Record<string, number>);
  }

  pidOf(relay: Tested): number {
    return this.#pids[relay] ?? 0;
  }

  /** Resolves when so many downloads without end run through the relay. */
  async startBulk(relay: Tested, circuits: number): Promise<void> {
    await this.#ask({ op: 'bulk', relay, circuits });
  }

  async stopBulk(): Promise<void> {
    await this.#ask({ op: 'idle' });
  }

  async sample(relay: Tested): Promise<LoadSample> {
    return (await this.#ask({ op: 'sample', relay })) as unknown as LoadSample;
  }

  async small(relay: Tested, count: number, atOnce: number, bytes: number): Promise<SmallDownload[]> {
    const { downloads } = await this.#ask({ op: 'small', relay, count, atOnce, bytes });
    return downloads as SmallDownload[];
  }

  /** Limits what the relay sends over the connections that it has now, until `widen()`. */
  async narrow(relay: Tested, bitsPerSecond: number, queueBytes: number): Promise<void> {
    await this.#ask({ op: 'narrow', relay, bitsPerSecond, queueBytes });
  }

  async widen(): Promise<void> {
    await this.#ask({ op: 'widen' });
  }

  async channelMemory(relay: 'ours' | 'ctor', few: number, many: number): Promise<ChannelMemory> {
    return (await this.#ask({ op: 'channels', relay, few, many })) as unknown as ChannelMemory;
  }

  close(): Promise<void> {
    return this.#child.end();
  }

  async #ask(request: SceneRequest): Promise<BenchEvent> {
    return checked(await this.#child.ask(JSON.stringify(request), request.op, ANSWER_MS));
  }
}

function checked(event: BenchEvent): BenchEvent {
  const { error } = event;
  if (typeof error === 'string') throw new Error(error);
  return event;
}
