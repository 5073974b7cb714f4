import type { Discovery, RelayRecord } from '../discovery/discovery.js';
import type { NativeOwnerStats, NativeStats } from '../native/binding-types.js';
import type { Circuit } from '../native/circuit.js';
import { DataPlane } from '../native/data-plane.js';
import type { ListenHandle } from '../native/data-plane.js';
import { closedError, messageOf } from '../util/errors.js';
import { ChannelManager } from './channel-manager.js';
import { newControlCounters } from './counters.js';
import type { ControlCounters } from './counters.js';
import { ExitPolicy } from './exit-policy.js';
import type { PeerChannel } from './peer-channel.js';
import { RelayCircuit } from './relay-circuit.js';
import type { CircuitContext } from './relay-circuit.js';
import { resolveRelayOptions } from './relay-options.js';
import type { RelayOptions, ResolvedRelayOptions } from './relay-options.js';
import { Resolver } from './resolver.js';
import { withDeadline } from './waiter.js';

/** A relay's counters at one moment. */
export interface RelayStats {
  name: string;
  agentId: number;
  host: string;
  port: number;
  /** Open and opening channels; circuits that others began here; streams that end at this exit. */
  channels: number;
  circuits: number;
  exitStreams: number;
  control: ControlCounters;
  /** This relay's cells. */
  cells: NativeOwnerStats | undefined;
  /** The whole data plane, shared or not: scheduler, reactors, histograms, closes by reason. */
  dataPlane: NativeStats;
}

const UNANNOUNCE_MS = 3000;

type State = 'new' | 'started' | 'stopped';

/**
 * A relay: new -> started (listening, announced) -> stopped. It accepts channels, creates and extends circuits as
 * their origins ask, and is an exit where its policy allows. Cells in transit never come here.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #resolved: ResolvedRelayOptions;
  readonly #plane: DataPlane;
  readonly #ownsPlane: boolean;
  readonly #owner: number;
  readonly #counters = newControlCounters();
  readonly #channels: ChannelManager;
  readonly #context: CircuitContext;
  readonly #circuits = new Set<RelayCircuit>();
  #listening: ListenHandle | undefined;
  #record: RelayRecord | undefined;
  #state: State = 'new';
  #stopped: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    const resolved = resolveRelayOptions(options);
    this.#resolved = resolved;
    const policy = new ExitPolicy(options.exit);
    const { dataPlane } = options;
    this.#ownsPlane = !(dataPlane instanceof DataPlane);
    this.#plane =
      dataPlane instanceof DataPlane ? dataPlane : new DataPlane(dataPlane, { logger: resolved.logger });
    this.#owner = this.#plane.addOwner();
    this.#channels = this.#makeChannels();
    this.#context = this.#makeContext(policy);
  }

  get agentId(): number {
    return this.#resolved.agentId;
  }

  get name(): string {
    return this.#resolved.name;
  }

  /** The port it listens on; undefined before `start()`. */
  get port(): number | undefined {
    return this.#listening?.port;
  }

  /** As others know it; undefined before `start()`. */
  get record(): RelayRecord | undefined {
    return this.#record;
  }

  /** For circuits of our own over this relay's channels. */
  get channels(): ChannelManager {
    return this.#channels;
  }

  /** Listens, then announces. When the announcement fails the relay is stopped and the error thrown. */
  async start(): Promise<RelayRecord> {
    if (this.#state !== 'new') throw closedError('a relay that was started before');
    this.#state = 'started';
    const { host, port, name, agentId, dialect, transport, publicHost, logger } = this.#resolved;
    const socket = this.#options.socket;
    const endpoint = { dialect: dialect.name, transport, host, port, owner: this.#owner };
    try {
      this.#listening = this.#plane.listen(
        socket === undefined ? endpoint : { ...endpoint, socket },
        this.#channels,
      );
      const record = { name, agentId, host: publicHost ?? host, port: this.#listening.port };
      this.#record = record;
      await this.#announce(record);
      // stop() may have been called meanwhile.
      if (this.#isStopped()) throw closedError('the relay');
      logger.info({ name, host, port: record.port }, 'relay: listening');
      return record;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stats(): RelayStats {
    const dataPlane = this.#plane.stats();
    let exitStreams = 0;
    for (const circuit of this.#circuits) exitStreams += circuit.streamCount;
    return {
      name: this.name,
      agentId: this.agentId,
      host: this.#resolved.host,
      port: this.port ?? 0,
      channels: this.#channels.count,
      circuits: this.#circuits.size,
      exitStreams,
      control: structuredClone(this.#counters),
      cells: dataPlane.owners.find((stats) => stats.owner === this.#owner),
      dataPlane,
    };
  }

  /** Unregisters, stops listening, ends every circuit and channel, and its own data plane. Bounded, idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped';
    const { discovery } = this.#options;
    const unregistered = discovery === undefined ? Promise.resolve() : this.#unannounce(discovery);
    this.#listening?.close();
    for (const circuit of [...this.#circuits]) circuit.close();
    await this.#channels.close();
    if (this.#ownsPlane) this.#plane.close();
    await unregistered;
  }

  async #unannounce(discovery: Discovery): Promise<void> {
    const { clock, logger } = this.#resolved;
    try {
      await withDeadline(discovery.close(), { what: 'unregistering', ms: UNANNOUNCE_MS, clock });
    } catch (error) {
      logger.warn(`relay: ${messageOf(error)}`);
    }
  }

  #isStopped(): boolean {
    return this.#state === 'stopped';
  }

  async #announce(record: RelayRecord): Promise<void> {
    const { discovery } = this.#options;
    if (discovery === undefined) return;
    await discovery.announce(record);
  }

  #makeChannels(): ChannelManager {
    const { dialect, transport, agentId, limits, clock, logger } = this.#resolved;
    return new ChannelManager({
      plane: this.#plane,
      dialect,
      transport,
      selfId: agentId,
      owner: this.#owner,
      clock,
      logger,
      counters: this.#counters,
      connectTimeoutMs: limits.connectTimeoutMs,
      openedTimeoutMs: limits.openedTimeoutMs,
      openTimeoutMs: limits.openTimeoutMs,
      idleMs: limits.channelIdleMs,
      maxChannels: limits.maxChannels,
      socket: this.#options.socket,
      onCircuitCreate: (channel, circuit, circId) => this.#onCircuitCreate(channel, circuit, circId),
    });
  }

  #makeContext(policy: ExitPolicy): CircuitContext {
    const { dialect, clock, logger, limits } = this.#resolved;
    const { lookup } = this.#options;
    const timeoutMs = limits.resolveTimeoutMs;
    const resolver = new Resolver(lookup === undefined ? { clock, timeoutMs } : { clock, timeoutMs, lookup });
    return {
      dialect,
      channels: this.#channels,
      exit: {
        policy,
        resolver,
        connectTimeoutMs: limits.exitConnectTimeoutMs,
        maxAddresses: 3,
        counters: this.#counters,
      },
      clock,
      logger,
      counters: this.#counters,
      extendTimeoutMs: limits.extendTimeoutMs,
      maxStreamsPerCircuit: limits.maxStreamsPerCircuit,
      onCircuitGone: (circuit) => void this.#circuits.delete(circuit),
    };
  }

  #onCircuitCreate(channel: PeerChannel, circuit: Circuit, circId: number): void {
    if (this.#state !== 'started' || this.#circuits.size >= this.#resolved.limits.maxCircuits) {
      this.#counters.circuitsRefused++;
      circuit.refuse(0);
      return;
    }
    this.#counters.circuitsAccepted++;
    this.#circuits.add(new RelayCircuit(circuit, channel, circId, this.#context));
  }
}
