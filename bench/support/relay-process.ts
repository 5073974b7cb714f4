import { join } from 'node:path';
import type { DataPlaneOptions, NativeSocketOptions, RelayStats } from '../../src/index.js';
import type { BenchContext } from './bench-types.js';
import type { BenchChild } from './child-set.js';

/** What goes to the relay's process, as JSON. */
export interface RelayChildOptions {
  readonly agentId: number;
  readonly host: string;
  readonly dataPlane: DataPlaneOptions;
  readonly socket: NativeSocketOptions;
}

export interface RelayProcessOptions extends Partial<RelayChildOptions> {
  /** Command and arguments in front of node, such as `ip netns exec NAME`. */
  readonly wrap?: readonly string[];
}

/** The counters of a relay's process at one moment. */
export interface RelaySample {
  /** CLOCK_MONOTONIC, as in every other report. */
  readonly nowNs: number;
  /** User and system time of the whole process. */
  readonly cpuNs: number;
  readonly stats: RelayStats;
}

/** Agent ID of the relay under test. */
export const RELAY_AGENT = 0x00010001;

/** A relay under test, in a process of its own. */
export class RelayProcess {
  readonly #child: BenchChild;
  readonly host: string;
  readonly port: number;
  readonly agent: number;

  private constructor(child: BenchChild, host: string, port: number, agent: number) {
    this.#child = child;
    this.host = host;
    this.port = port;
    this.agent = agent;
  }

  static async start(context: BenchContext, options: RelayProcessOptions = {}): Promise<RelayProcess> {
    const { wrap = [], agentId = RELAY_AGENT, host = '127.0.0.1', dataPlane = {}, socket = {} } = options;
    const script = join(import.meta.dirname, 'relay-child.js');
    const init: RelayChildOptions = { agentId, host, dataPlane, socket };
    const child = context.children.start(process.execPath, [script, JSON.stringify(init)], wrap);
    const { port } = await child.next('listening');
    return new RelayProcess(child, host, Number(port), agentId);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async sample(): Promise<RelaySample> {
    return (await this.#child.ask('report')) as unknown as RelaySample;
  }

  end(): Promise<void> {
    return this.#child.end();
  }
}
