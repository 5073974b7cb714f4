import type { TorrcConfig } from '../config/torrc/index.js';
import { DirectoryLock, KeyDirectory, OnionKeys, RouterIdentity, StateFile } from '../identity/index.js';
import type { MetricsSource } from '../metrics/index.js';
import { DataPlane } from '../native/data-plane.js';
import { TorRelay } from '../relay/tor/index.js';
import { KistError } from '../util/errors.js';
import type { RelayContext, RelayStatus, RunnableRelay } from './runnable-relay.js';
import { torRelayMetrics } from './tor-relay-metrics.js';
import {
  advertisedAddress,
  advertisedPort,
  authoritiesOf,
  changeableOptions,
  dataPlaneOptions,
  fixedChanges,
  listeningPorts,
  schedulerOptions,
  unservedOptions,
} from './tor-relay-settings.js';

const CELL_BYTES = 514;

/** Everything of a running relay that has to be given back, in this order. */
interface Parts {
  readonly relay: TorRelay;
  readonly plane: DataPlane;
  readonly lock: DirectoryLock;
}

/**
 * A TorRelay by a torrc, as `kist-relay run` drives it: takes the lock of the data directory, opens the keys, makes the
 * data plane and the relay over it. `start` -> `beginStopping` -> `stop`; everything is released by `stop`, or by a
 * `start` that fails.
 */
export class TorRelayRunner implements RunnableRelay {
  readonly #config: TorrcConfig;
  readonly #context: RelayContext;
  readonly #address: string;
  #parts: Parts | undefined;

  private constructor(config: TorrcConfig, context: RelayContext, address: string) {
    this.#config = config;
    this.#context = context;
    this.#address = address;
  }

  static async make(config: TorrcConfig, context: RelayContext): Promise<TorRelayRunner> {
    if (config.publishServerDescriptor && config.dirAuthorities === undefined) {
      context.logger.warn(
        'No DirAuthority is configured, and the list of the public network is not built in: ' +
          'this relay is published nowhere. It can be used by those who know it.',
      );
    }
    const unserved = unservedOptions(config);
    if (unserved.length > 0)
      context.logger.warn(`Not served yet, and without effect here: ${unserved.join(', ')}.`);
    return new TorRelayRunner(config, context, await advertisedAddress(config));
  }

  async start(): Promise<void> {
    const { dataDirectory, keyDirectory, dataDirectoryGroupReadable } = this.#config;
    const directory = KeyDirectory.open({
      dataDirectory,
      keyDirectory,
      groupReadable: dataDirectoryGroupReadable,
    });
    const lock = DirectoryLock.acquire(dataDirectory);
    try {
      await this.#startLocked(directory, lock);
    } catch (error) {
      await this.stop();
      lock.release();
      throw error;
    }
  }

  beginStopping(): void {
    this.#parts?.relay.beginStopping();
  }

  async stop(): Promise<void> {
    const parts = this.#parts;
    if (parts === undefined) return;
    await parts.relay.stop();
    parts.plane.close();
    parts.lock.release();
  }

  async reload(config: TorrcConfig): Promise<void> {
    const { relay, plane } = this.#need();
    for (const name of fixedChanges(this.#config, config))
      this.#context.logger.warn(`${name} has changed: that takes effect when the relay is started anew.`);
    plane.configureScheduler(schedulerOptions(config));
    relay.reconfigure(changeableOptions(config, this.#address));
  }

  stats(): RelayStatus {
    const stats = this.#need().relay.stats();
    const { processed, dropped } = stats.dataPlane.onions;
    const count = (name: string): { requested: number; answered: number } => {
      const answered = processed[name] ?? 0;
      return { answered, requested: answered + (dropped[name] ?? 0) };
    };
    return {
      circuits: stats.circuits,
      bytesSent: (stats.cells?.cellsOut ?? 0) * CELL_BYTES,
      bytesReceived: (stats.cells?.cellsIn ?? 0) * CELL_BYTES,
      connections: stats.connections,
      handshakes: { tap: count('tap'), ntor: count('ntor'), ntorV3: count('ntor_v3') },
      isInConsensus: stats.isListed,
      ...(stats.flags === undefined ? {} : { flags: stats.flags }),
    };
  }

  dump(): readonly string[] {
    const { nickname, fingerprint, channels, circuits, exitStreams, control, dataPlane } =
      this.#need().relay.stats();
    return [
      `${nickname} ${fingerprint}: ${channels} channels, ${circuits} circuits, ${exitStreams} exit streams.`,
      `Circuits: ${control.circuitsAccepted} accepted, ${control.circuitsRefused} refused; ` +
        `extended ${control.extendsDone}, failed ${control.extendsFailed}.`,
      `Memory of queues and buffers: ${dataPlane.memoryBytes} of ${dataPlane.memoryBudget} bytes.`,
      ...dataPlane.reactors.map(({ policy, scheduler, channels: held }, index) => {
        const { timedRuns, drainRuns, lightRuns, fullRuns } = scheduler;
        const runs = `${timedRuns} timed, ${drainRuns} drain, ${lightRuns} light, ${fullRuns} full runs`;
        return `Reactor ${index}: ${policy}, ${held} channels, ${runs}.`;
      }),
    ];
  }

  metrics(): MetricsSource {
    return torRelayMetrics(() => this.#parts?.relay.stats());
  }

  #need(): Parts {
    if (this.#parts === undefined) throw new KistError('ERR_KIST_STATE', 'the relay is not started', 'bug');
    return this.#parts;
  }

  async #startLocked(directory: KeyDirectory, lock: DirectoryLock): Promise<void> {
    const config = this.#config;
    const { clock, logger } = this.#context;
    const identity = await RouterIdentity.open({
      directory,
      clock,
      logger,
      isMasterOffline: config.offlineMasterKey,
      signingKeyLifetimeMs: config.signingKeyLifetimeMs,
    });
    const state = StateFile.open(config.dataDirectory);
    const onionKeys = await OnionKeys.open({ directory, state, clock });
    identity.writeFingerprints(config.nickname);
    const plane = new DataPlane(dataPlaneOptions(config), { logger });
    const port = advertisedPort(config);
    const { contact, family, ...changes } = changeableOptions(config, this.#address);
    const relay = new TorRelay({
      ...changes,
      ...(contact === undefined ? {} : { contact }),
      ...(family === undefined ? {} : { family }),
      ...(port === undefined ? {} : { advertisedPort: port }),
      identity,
      onionKeys,
      nickname: config.nickname,
      address: this.#address,
      orPorts: listeningPorts(config),
      authorities: authoritiesOf(config.dirAuthorities),
      publishes: config.publishServerDescriptor,
      allowsPrivateExtends: config.extendAllowPrivateAddresses,
      refusesUnknownExits: config.refuseUnknownExits !== false,
      isTesting: config.testingTorNetwork,
      dataPlane: plane,
      clock,
      logger,
    });
    this.#parts = { relay, plane, lock };
    await relay.start();
  }
}
