import type { TorrcConfig } from '../config/torrc/index.js';
import { ExitPolicy } from '../directory/exit-policy.js';
import { MetricsRegistry, MetricsServer, processMetrics } from '../metrics/index.js';
import type { MetricsAddress, MetricsSource } from '../metrics/index.js';
import type { Clock } from '../util/clock.js';
import { messageOf } from '../util/errors.js';
import type { TorLog } from './tor-log.js';

type MetricsConfig = Pick<TorrcConfig, 'metricsPorts' | 'metricsPortPolicy'>;

function show(address: MetricsAddress): string {
  return 'path' in address ? `unix:${address.path}` : `${address.address}:${address.port}`;
}

/** Every MetricsPort of the configuration. The policy can change while they listen; other ports are opened anew. */
export class MetricsPorts {
  readonly #log: TorLog;
  readonly #clock: Clock;
  readonly #registry = new MetricsRegistry();
  #servers: MetricsServer[] = [];
  #ports = '';
  #policy = ExitPolicy.rejectAll();

  constructor(options: { log: TorLog; clock: Clock; source: MetricsSource }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#registry.add(options.source);
    this.#registry.add(processMetrics(options.clock));
  }

  /** Listens where the configuration says. Rejects, with nothing open, when one cannot be had. */
  async configure(config: MetricsConfig): Promise<void> {
    this.#policy = ExitPolicy.parse([...config.metricsPortPolicy, 'reject *:*']).policy;
    const ports = JSON.stringify(config.metricsPorts);
    if (ports === this.#ports) return;
    await this.close();
    try {
      for (const listen of config.metricsPorts) await this.#open(listen);
      this.#ports = ports;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    this.#ports = '';
    await Promise.all(servers.map((server) => server.close()));
  }

  async #open(listen: MetricsAddress): Promise<void> {
    const server = new MetricsServer({
      listen,
      // A policy of addresses: the port of an entry says nothing about a reader.
      permits: (address) => this.#policy.allows(address, 1),
      expose: () => this.#registry.expose(),
      clock: this.#clock,
      logger: this.#log.logger,
    });
    try {
      const bound = await server.listen();
      this.#servers.push(server);
      this.#log.notice(`Opened Metrics listener connection (ready) on ${show(bound)}`);
    } catch (error) {
      this.#log.warn(`Could not bind to ${show(listen)}: ${messageOf(error)}`);
      throw error;
    }
  }
}
