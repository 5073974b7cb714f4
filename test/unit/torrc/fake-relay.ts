import type { TorrcConfig } from '../../../src/config/torrc/index.js';
import type { MetricsSource } from '../../../src/metrics/index.js';
import type { RelayContext, RelayStatus, RunnableRelay } from '../../../src/cli/runnable-relay.js';

export const IDLE: RelayStatus = {
  circuits: 0,
  bytesSent: 0,
  bytesReceived: 0,
  connections: { receivedIPv4: 0, receivedIPv6: 0, initiatedIPv4: 0, initiatedIPv6: 0 },
  handshakes: {
    tap: { requested: 0, answered: 0 },
    ntor: { requested: 0, answered: 0 },
    ntorV3: { requested: 0, answered: 0 },
  },
  isInConsensus: undefined,
};

/** A relay that only keeps a record of what it is told to do. */
export class FakeRelay implements RunnableRelay {
  readonly calls: string[] = [];
  readonly context: RelayContext;
  status: RelayStatus = IDLE;
  config: TorrcConfig;
  failure: Error | undefined;
  /** Where `start` waits. */
  gate: Promise<void> = Promise.resolve();
  #isStarted = false;

  constructor(config: TorrcConfig, context: RelayContext) {
    this.config = config;
    this.context = context;
  }

  async bind(): Promise<void> {
    this.calls.push('bind');
  }

  async start(): Promise<void> {
    this.calls.push('start');
    this.context.logger.info({ nickname: this.config.nickname }, 'fake relay: started');
    this.context.logger.debug('fake relay: a detail');
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    this.#isStarted = true;
  }

  beginStopping(): void {
    this.calls.push('beginStopping');
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }

  async reload(config: TorrcConfig): Promise<void> {
    this.calls.push('reload');
    if (this.failure !== undefined) throw this.failure;
    this.config = config;
  }

  stats(): RelayStatus {
    this.#requireStart();
    return this.status;
  }

  dump(): readonly string[] {
    this.#requireStart();
    return [`circuits: ${this.status.circuits}`];
  }

  metrics(): MetricsSource {
    return {
      collectTor: (sink) => sink.set('tor_relay_circuits_total', { state: 'opened' }, this.status.circuits),
      ownFamilies: () => [],
    };
  }

  #requireStart(): void {
    if (!this.#isStarted) throw new Error('asked before it was started');
  }
}
