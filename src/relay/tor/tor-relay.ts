import { TorDialect } from '../../dialect/tor/tor-dialect.js';
import { DESTROY_REASON } from '../../dialect/tor/reasons.js';
import type { ExitPolicy } from '../../directory/exit-policy.js';
import { writeRouterDescriptor } from '../../directory/write-router-descriptor.js';
import type { NtorKeyPair } from '../../identity/index.js';
import type { NativeOwnerStats, NativeStats } from '../../native/binding-types.js';
import type { Circuit } from '../../native/circuit.js';
import { DataPlane } from '../../native/data-plane.js';
import type { ListenHandle } from '../../native/data-plane.js';
import { closedError } from '../../util/errors.js';
import { ChannelManager } from '../channel-manager.js';
import type { ChannelCounts } from '../channel-manager.js';
import { newControlCounters } from '../counters.js';
import type { ControlCounters } from '../counters.js';
import type { AddressPolicy } from '../exit-stream.js';
import type { PeerChannel } from '../peer-channel.js';
import { Resolver } from '../resolver.js';
import { ConsensusWatch } from './consensus-watch.js';
import { DirectoryClient } from './directory-client.js';
import { KeyRotation } from './key-rotation.js';
import { ObservedBandwidth } from './observed-bandwidth.js';
import { Publisher } from './publisher.js';
import type { PublishedDescriptor } from './publisher.js';
import { TorCircuit } from './tor-circuit.js';
import type { TorCircuitContext } from './tor-circuit-context.js';
import { resolveTorRelayOptions, TOR_PLANE } from './tor-relay-options.js';
import type { ResolvedTorRelayOptions, TorRelayChanges, TorRelayOptions } from './tor-relay-options.js';

/** What is complete here, and nothing else: a version that is announced is used by clients. */
export const PROTOCOLS = 'Cons=2 Desc=2 FlowCtrl=1 Link=4-5 LinkAuth=3 Microdesc=2 Relay=2-4';
/** Must not begin with "Tor ": authorities would apply that program's version rules. */
export const PLATFORM = 'kist-relay 0.1.0 on Linux';

/** What a relay of a test network claims at least to have moved, bytes a second. */
const TESTING_BANDWIDTH = 100_000;

/** A Tor relay's counters at one moment. */
export interface TorRelayStats {
  readonly nickname: string;
  readonly fingerprint: string;
  readonly uptimeSeconds: number;
  readonly orPort: number;
  readonly channels: number;
  readonly connections: ChannelCounts;
  readonly circuits: number;
  readonly exitStreams: number;
  readonly control: ControlCounters;
  /** Undefined before the first consensus. */
  readonly isListed: boolean | undefined;
  /** Flags by the last consensus; undefined when it does not list this relay. */
  readonly flags: readonly string[] | undefined;
  /** Authorities that received the current descriptor. */
  readonly uploads: number;
  readonly cells: NativeOwnerStats | undefined;
  readonly dataPlane: NativeStats;
}

type State = 'new' | 'started' | 'stopped';

/**
 * A relay of a Tor network, middle and exit: new -> started (listening, published) -> stopping (no new circuits) ->
 * stopped. Decides about channels, circuits and streams, publishes its descriptor, renews its keys. Cells in transit,
 * handshakes and stream bytes stay in the data plane.
 */
export class TorRelay {
  readonly #options: TorRelayOptions;
  readonly #resolved: ResolvedTorRelayOptions;
  readonly #plane: DataPlane;
  readonly #ownsPlane: boolean;
  readonly #owner: number;
  readonly #tlsIdentity: number;
  readonly #counters = newControlCounters();
  readonly #channels: ChannelManager;
  readonly #context: TorCircuitContext;
  readonly #circuits = new Set<TorCircuit>();
  readonly #listening: ListenHandle[] = [];
  readonly #publisher: Publisher;
  readonly #watch: ConsensusWatch;
  readonly #rotation: KeyRotation;
  readonly #observed: ObservedBandwidth;
  #changeable: Pick<TorRelayOptions, 'contact' | 'family'> &
    Pick<ResolvedTorRelayOptions, 'exitPolicy' | 'bandwidth'>;
  #state: State = 'new';
  #refusesCircuits = false;
  #startedAt = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: TorRelayOptions) {
    this.#options = options;
    this.#resolved = resolveTorRelayOptions(options);
    const { dataPlane, contact, family } = options;
    const { identity, logger, clock, exitPolicy, bandwidth } = this.#resolved;
    this.#changeable = {
      exitPolicy,
      bandwidth,
      ...(contact === undefined ? {} : { contact }),
      ...(family === undefined ? {} : { family }),
    };
    this.#ownsPlane = !(dataPlane instanceof DataPlane);
    this.#plane =
      dataPlane instanceof DataPlane ? dataPlane : new DataPlane({ ...TOR_PLANE, ...dataPlane }, { logger });
    this.#owner = this.#plane.addOwner();
    const { certificateDer, privateKeyDer } = identity.tls;
    this.#tlsIdentity = this.#plane.addTlsIdentity(certificateDer, privateKeyDer);
    this.#setOnionKeys();
    const dialect = new TorDialect({ identity, ownAddresses: () => [this.#resolved.address], clock });
    this.#channels = this.#makeChannels(dialect);
    this.#context = this.#makeContext(dialect);
    const client = new DirectoryClient(clock);
    const { authorities } = this.#resolved;
    const retryMs = this.#resolved.isTesting ? 1000 : 60_000;
    const makeDescriptor = (): PublishedDescriptor => this.#makeDescriptor();
    this.#publisher = new Publisher({ authorities, client, clock, logger, retryMs, makeDescriptor });
    const fingerprint = identity.rsaFingerprint;
    const onConsensus = (): void => undefined;
    this.#watch = new ConsensusWatch({ authorities, client, fingerprint, clock, logger, onConsensus });
    this.#rotation = this.#makeRotation();
    this.#observed = new ObservedBandwidth({ clock, bytes: () => this.#bytesMoved() });
  }

  /** 40 upper-case hexadecimal digits. */
  get fingerprint(): string {
    return this.#resolved.identity.rsaFingerprint;
  }

  /** The port of the descriptor: what was asked for, or the free port that was taken. 0 before `start()`. */
  get orPort(): number {
    return this.#options.advertisedPort ?? this.#listening[0]?.port ?? 0;
  }

  /** For circuits of our own over this relay's channels. */
  get channels(): ChannelManager {
    return this.#channels;
  }

  /** Whether the consensus lists this relay, and as what. */
  get flags(): readonly string[] | undefined {
    const { self } = this.#watch;
    return self === undefined ? undefined : [...self.flags];
  }

  /** Listens and publishes. When an address cannot be listened at, the relay is stopped and the error thrown. */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw closedError('a relay that was started before');
    this.#state = 'started';
    const { clock, orPorts, logger, nickname, publishes, address } = this.#resolved;
    this.#startedAt = clock.now();
    try {
      for (const { host, port } of orPorts) this.#listen(host, port);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#rotation.start();
    this.#observed.start();
    if (publishes) this.#publisher.publish();
    this.#watch.start();
    logger.info({ nickname, fingerprint: this.fingerprint, address, port: this.orPort }, 'relay: listening');
  }

  /** Takes over what is named, for streams that come and for the descriptor, which is published anew. */
  reconfigure(changes: TorRelayChanges): void {
    const { contact, family, exitPolicy, bandwidth } = { ...this.#changeable, ...changes };
    this.#changeable = {
      exitPolicy: exitPolicy ?? this.#changeable.exitPolicy,
      bandwidth: bandwidth ?? this.#changeable.bandwidth,
      ...(contact === undefined ? {} : { contact }),
      ...(family === undefined ? {} : { family }),
    };
    if (this.#state === 'started' && this.#resolved.publishes) this.#publisher.changed();
  }

  /** Stops to listen and refuses new circuits; those that exist go on until `stop()`. */
  beginStopping(): void {
    this.#refusesCircuits = true;
    for (const handle of this.#listening) handle.close();
  }

  stats(): TorRelayStats {
    const dataPlane = this.#plane.stats();
    let exitStreams = 0;
    for (const circuit of this.#circuits) exitStreams += circuit.streamCount;
    return {
      nickname: this.#resolved.nickname,
      fingerprint: this.fingerprint,
      uptimeSeconds: this.#uptimeSeconds(),
      orPort: this.orPort,
      channels: this.#channels.count,
      connections: this.#channels.counts(),
      circuits: this.#circuits.size,
      exitStreams,
      control: structuredClone(this.#counters),
      isListed: this.#watch.knows(this.fingerprint),
      flags: this.flags,
      uploads: this.#publisher.acceptedBy,
      cells: dataPlane.owners.find((stats) => stats.owner === this.#owner),
      dataPlane,
    };
  }

  /** Ends every circuit and channel, and its own data plane. Bounded, idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped';
    this.#publisher.stop();
    this.#watch.stop();
    this.#rotation.stop();
    this.#observed.stop();
    this.beginStopping();
    for (const circuit of [...this.#circuits]) circuit.close(DESTROY_REASON.hibernating);
    await this.#channels.close();
    if (this.#ownsPlane) this.#plane.close();
    else if (!this.#plane.isClosed) this.#setOnionKeys([]);
  }

  #listen(host: string, port: number): void {
    const endpoint = {
      dialect: 'tor',
      transport: 'tls',
      host,
      port,
      owner: this.#owner,
      tlsIdentity: this.#tlsIdentity,
    };
    const { socket } = this.#options;
    const full = socket === undefined ? endpoint : { ...endpoint, socket };
    this.#listening.push(this.#plane.listen(full, this.#channels));
  }

  #makeChannels(dialect: TorDialect): ChannelManager {
    const { limits, clock, logger, identity } = this.#resolved;
    return new ChannelManager({
      plane: this.#plane,
      dialect,
      transport: 'tls',
      tlsIdentity: this.#tlsIdentity,
      selfId: identity.rsaFingerprint,
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
      onCircuitCreate: (channel, circuit, circId, cell) =>
        this.#onCircuitCreate(channel, circuit, circId, cell),
    });
  }

  #makeContext(dialect: TorDialect): TorCircuitContext {
    const { clock, logger, limits, identity, allowsPrivateExtends } = this.#resolved;
    const { lookup } = this.#options;
    const timeoutMs = limits.resolveTimeoutMs;
    const resolver = new Resolver(lookup === undefined ? { clock, timeoutMs } : { clock, timeoutMs, lookup });
    return {
      dialect,
      channels: this.#channels,
      exit: {
        policy: this.#exitPolicy(),
        resolver,
        connectTimeoutMs: limits.exitConnectTimeoutMs,
        maxAddresses: 3,
        counters: this.#counters,
      },
      clock,
      logger,
      counters: this.#counters,
      selfId: identity.rsaFingerprint,
      extendTimeoutMs: limits.extendTimeoutMs,
      maxStreamsPerCircuit: limits.maxStreamsPerCircuit,
      allowsPrivateExtends,
      isKnownRelay: (peer) => this.#isKnownRelay(peer),
      onCircuitGone: (circuit) => void this.#circuits.delete(circuit),
    };
  }

  /** Asks the policy that holds now. */
  #exitPolicy(): AddressPolicy {
    const current = (): ExitPolicy => this.#changeable.exitPolicy;
    return {
      get isEnabled() {
        return !current().rejectsAll(4) || !current().rejectsAll(6);
      },
      allows: (address, port) => current().allows(address, port),
    };
  }

  #makeRotation(): KeyRotation {
    const { identity, onionKeys, clock, logger } = this.#resolved;
    return new KeyRotation({
      identity,
      onionKeys,
      clock,
      logger,
      onTls: () => {
        const { certificateDer, privateKeyDer } = identity.tls;
        this.#plane.replaceTlsIdentity(this.#tlsIdentity, certificateDer, privateKeyDer);
      },
      onOnionKeys: () => this.#setOnionKeys(),
      onDescriptor: () => this.#publisher.changed(),
    });
  }

  /** None: circuits are answered no more, and the data plane keeps no secrets of ours. */
  #setOnionKeys(keys: readonly NtorKeyPair[] = this.#resolved.onionKeys.ntorKeys): void {
    const { identity } = this.#resolved;
    const { rsaDigest, ed25519Identity } = identity;
    this.#plane.setOnionKeys(this.#owner, {
      rsaDigest,
      ed25519: ed25519Identity,
      keys: [...keys],
    });
  }

  #onCircuitCreate(channel: PeerChannel, circuit: Circuit, circId: number, cell: Buffer): void {
    const isFull = this.#circuits.size >= this.#resolved.limits.maxCircuits;
    if (this.#state !== 'started' || this.#refusesCircuits || isFull) {
      this.#counters.circuitsRefused++;
      circuit.refuse(isFull ? DESTROY_REASON.resourceLimit : DESTROY_REASON.hibernating);
      return;
    }
    const made = new TorCircuit(circuit, channel, circId, cell, this.#context);
    if (!circuit.isClosed) this.#circuits.add(made);
  }

  /** A peer that proved an identity which the consensus lists; before there is one, any identity will do. */
  #isKnownRelay(peer: unknown): boolean {
    if (!this.#resolved.refusesUnknownExits) return true;
    return typeof peer === 'string' && peer !== '' && (this.#watch.knows(peer) ?? true);
  }

  #uptimeSeconds(): number {
    return Math.floor((this.#resolved.clock.now() - this.#startedAt) / 1000);
  }

  /** Of this relay's channels in both directions, by cells. */
  #bytesMoved(): { read: number; written: number } {
    const own = this.#plane.stats().owners.find((stats) => stats.owner === this.#owner);
    return { read: (own?.cellsIn ?? 0) * 514, written: (own?.cellsOut ?? 0) * 514 };
  }

  /** Test networks begin with relays that all moved nothing; there a relay counts as tried. */
  #observedBandwidth(): number {
    const least = this.#resolved.isTesting ? TESTING_BANDWIDTH : 0;
    return Math.max(this.#observed.bytesPerSecond, least);
  }

  #makeDescriptor(): PublishedDescriptor {
    const { identity, onionKeys, nickname, address, clock } = this.#resolved;
    const { contact, family, bandwidth, exitPolicy } = this.#changeable;
    const published = clock.date();
    const signed = writeRouterDescriptor(
      {
        nickname,
        address,
        orPort: this.orPort,
        platform: PLATFORM,
        protocols: PROTOCOLS,
        published,
        uptimeSeconds: this.#uptimeSeconds(),
        bandwidth: { ...bandwidth, observed: this.#observedBandwidth() },
        exitPolicy,
        ...(contact === undefined ? {} : { contact }),
        ...(family === undefined ? {} : { family }),
      },
      identity.descriptorKeys(onionKeys.current),
    );
    const document = Buffer.from(signed.bytes).toString('latin1');
    const digest = Buffer.from(signed.sha1).toString('hex').toUpperCase();
    return { document, published, digest };
  }
}
