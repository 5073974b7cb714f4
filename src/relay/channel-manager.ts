import type { ControlDialect, ExtendTarget, PeerId } from '../dialect/control-dialect.js';
import type { NativeSocketOptions } from '../native/binding-types.js';
import type { Channel } from '../native/channel.js';
import type { Circuit } from '../native/circuit.js';
import type { DataPlane } from '../native/data-plane.js';
import type { AcceptListener } from '../native/listeners.js';
import type { Clock } from '../util/clock.js';
import { closedError, KistError } from '../util/errors.js';
import type { Logger } from '../util/logger.js';
import type { ControlCounters } from './counters.js';
import { describeErrno } from './errno.js';
import { PeerChannel } from './peer-channel.js';
import type { PeerChannelOwner } from './peer-channel.js';
import { Waiter } from './waiter.js';

export interface ChannelManagerInit {
  plane: DataPlane;
  dialect: ControlDialect;
  transport: string;
  selfId: PeerId;
  /** From DataPlane.addOwner(). */
  owner: number;
  clock: Clock;
  logger: Logger;
  counters: ControlCounters;
  connectTimeoutMs: number;
  /** Opener's deadline for OPENED, acceptor's for OPEN. */
  openedTimeoutMs: number;
  openTimeoutMs: number;
  idleMs: number;
  maxChannels: number;
  socket?: NativeSocketOptions | undefined;
  /** From DataPlane.addTlsIdentity(), for the transport `tls`. */
  tlsIdentity?: number | undefined;
  /** A peer asks for a circuit; refused when left out. */
  onCircuitCreate?: (channel: PeerChannel, circuit: Circuit, circId: number, cell: Buffer) => void;
}

/** Open and opening channels by who made the connection and over what. */
export interface ChannelCounts {
  receivedIPv4: number;
  receivedIPv6: number;
  initiatedIPv4: number;
  initiatedIPv6: number;
}

/** Channels write out what they hold, but not for longer than this. */
const CLOSE_MS = 1000;

/**
 * The channels of one relay: at most one that new circuits use per agent ID, although a peer may open several and
 * each of them works. Requests for the same peer share one connection attempt; each has its own signal. A cell for a
 * circuit unknown on its channel goes to the circuit of that number on another channel of the same agent.
 */
export class ChannelManager implements PeerChannelOwner, AcceptListener {
  readonly #init: ChannelManagerInit;
  readonly #all = new Set<PeerChannel>();
  readonly #byPeer = new Map<PeerId, PeerChannel[]>();
  readonly #attempts = new Map<string, Waiter<PeerChannel>>();
  readonly #handshakes = new Map<PeerChannel, Waiter<PeerChannel>>();
  readonly #cancels = new Set<() => void>();
  #closed: Promise<void> | undefined;
  #gone: Waiter<void> | undefined;

  constructor(init: ChannelManagerInit) {
    this.#init = init;
  }

  get count(): number {
    return this.#all.size;
  }

  counts(): ChannelCounts {
    const counts = { receivedIPv4: 0, receivedIPv6: 0, initiatedIPv4: 0, initiatedIPv6: 0 };
    for (const { isOpener, address } of this.#all) {
      const family = address.startsWith('[') || address.split(':').length > 2 ? 'IPv6' : 'IPv4';
      counts[`${isOpener ? 'initiated' : 'received'}${family}`]++;
    }
    return counts;
  }

  get plane(): DataPlane {
    return this.#init.plane;
  }

  get dialect(): ControlDialect {
    return this.#init.dialect;
  }

  /** An open channel to the relay: the one there is, else a new one, else a KistError within the deadlines. */
  get(target: ExtendTarget, signal?: AbortSignal): Promise<PeerChannel> {
    if (this.#closed !== undefined) return Promise.reject(closedError('the relay'));
    const open = this.#byPeer.get(target.peerId)?.[0];
    if (open !== undefined) {
      if (!open.hasKey(target.ed25519Identity)) return Promise.reject(wrongKey(target));
      open.touch();
      return Promise.resolve(open);
    }
    const attempt = this.#attempt(target);
    if (signal === undefined) return attempt.promise;
    return this.#withSignal(attempt, target, signal);
  }

  onAccepted(channel: Channel, peer: string): void {
    if (this.#closed !== undefined || this.#all.size >= this.#init.maxChannels) {
      this.#init.counters.channelsRefused++;
      channel.close();
      return;
    }
    const handshake = this.#init.dialect.acceptorHandshake(this.#init.selfId, peer);
    this.#add({
      channel,
      handshake,
      address: peer,
      isOpener: false,
      openTimeoutMs: this.#init.openTimeoutMs,
    }).start();
  }

  onListenerFailed(errno: number): void {
    this.#init.logger.error(`relay: the listening socket failed: ${describeErrno(errno)}`);
  }

  onOpen(channel: PeerChannel): void {
    const { counters, logger } = this.#init;
    counters.channelsOpened++;
    logger.debug({ peer: channel.peerId, address: channel.address }, 'relay: channel open');
    const { peerId } = channel;
    if (peerId !== undefined && peerId !== '') {
      const siblings = this.#byPeer.get(peerId) ?? [];
      siblings.push(channel);
      this.#byPeer.set(peerId, siblings);
      this.#watchSiblings(peerId, siblings);
    }
    this.#handshakes.get(channel)?.resolve(channel);
    this.#handshakes.delete(channel);
  }

  onEnd(channel: PeerChannel, error: KistError | undefined): void {
    this.#all.delete(channel);
    if (this.#all.size === 0) this.#gone?.resolve();
    if (error !== undefined) this.#init.counters.handshakesFailed++;
    if (!channel.isOpener && error !== undefined) {
      this.#init.logger.debug({ address: channel.address }, `relay: ${error.message}`);
    }
    this.#handshakes.get(channel)?.reject(error ?? closedError(`the channel to ${channel.address}`));
    this.#handshakes.delete(channel);
    const peerId = channel.peerId;
    if (peerId === undefined || peerId === '') return;
    const left = (this.#byPeer.get(peerId) ?? []).filter((other) => other !== channel);
    if (left.length === 0) this.#byPeer.delete(peerId);
    else this.#byPeer.set(peerId, left);
    this.#watchSiblings(peerId, left);
  }

  onCircuitCreate(channel: PeerChannel, circuit: Circuit, circId: number, cell: Buffer): void {
    if (this.#closed !== undefined || this.#init.onCircuitCreate === undefined) circuit.refuse(0);
    else this.#init.onCircuitCreate(channel, circuit, circId, cell);
  }

  onUnknownCell(channel: PeerChannel, circId: number, cell: Buffer): void {
    for (const sibling of this.#byPeer.get(channel.peerId ?? '') ?? []) {
      const half = sibling === channel ? undefined : sibling.half(circId);
      if (half === undefined) continue;
      this.#init.counters.cellsFromSibling++;
      half.circuit.injectCell(cell, half.fromNext);
      return;
    }
  }

  /** Closes every channel and rejects what waits; resolves when all are gone, within a second. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const gone = new Waiter<void>({ what: 'closing the channels', ms: CLOSE_MS, clock: this.#init.clock });
    this.#gone = gone;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    for (const attempt of this.#attempts.values()) attempt.reject(closedError('the relay'));
    this.#attempts.clear();
    for (const channel of [...this.#all]) channel.close();
    if (this.#all.size === 0 || this.#init.plane.isClosed) gone.resolve();
    await gone.promise.catch(() => undefined);
  }

  /** The shared attempt to reach `target`; its own deadline covers connecting and the handshake. */
  #attempt(target: ExtendTarget): Waiter<PeerChannel> {
    const ed25519 = Buffer.from(target.ed25519Identity ?? []).toString('hex');
    const key = `${target.peerId} ${ed25519} ${target.host}:${target.port}`;
    const known = this.#attempts.get(key);
    if (known !== undefined) return known;
    const { connectTimeoutMs, openedTimeoutMs, clock } = this.#init;
    const what = `connecting to ${target.host}:${target.port}`;
    const waiter = new Waiter<PeerChannel>({ what, ms: connectTimeoutMs + openedTimeoutMs + 1000, clock });
    this.#attempts.set(key, waiter);
    const forget = (): void => void this.#attempts.delete(key);
    waiter.promise.then(forget, forget);
    try {
      // Those who ask us to extend choose the addresses: connections under way are bounded like all others.
      if (this.#all.size + this.#cancels.size >= this.#init.maxChannels)
        throw new KistError('ERR_KIST_CONNECT', `${what}: too many channels`, 'system');
      this.#connect(target, waiter);
    } catch (error) {
      waiter.reject(error);
    }
    return waiter;
  }

  #connect(target: ExtendTarget, waiter: Waiter<PeerChannel>): void {
    const { plane, dialect, transport, owner, connectTimeoutMs, selfId, openedTimeoutMs } = this.#init;
    const { host, port } = target;
    const address = `${host}:${port}`;
    const { socket, tlsIdentity } = this.#init;
    const endpoint = {
      dialect: dialect.name,
      transport,
      host,
      port,
      owner,
      ...(socket === undefined ? {} : { socket }),
      ...(tlsIdentity === undefined ? {} : { tlsIdentity }),
    };
    const cancel = plane.connect(endpoint, connectTimeoutMs, {
      onConnected: (channel) => {
        this.#cancels.delete(cancel);
        const handshake = dialect.openerHandshake(selfId, target, address);
        const opened = this.#add({
          channel,
          handshake,
          address,
          isOpener: true,
          openTimeoutMs: openedTimeoutMs,
        });
        this.#handshakes.set(opened, waiter);
        opened.start();
      },
      onConnectFailed: (errno) => {
        this.#cancels.delete(cancel);
        waiter.reject(
          new KistError('ERR_KIST_CONNECT', `cannot connect to ${address}: ${describeErrno(errno)}`),
        );
      },
    });
    this.#cancels.add(cancel);
  }

  #withSignal(attempt: Waiter<PeerChannel>, target: ExtendTarget, signal: AbortSignal): Promise<PeerChannel> {
    const { connectTimeoutMs, openedTimeoutMs, clock } = this.#init;
    const what = `connecting to ${target.host}:${target.port}`;
    const own = new Waiter<PeerChannel>({
      what,
      ms: connectTimeoutMs + openedTimeoutMs + 1000,
      clock,
      signal,
    });
    attempt.promise.then(
      (channel) => own.resolve(channel),
      (error: unknown) => own.reject(error),
    );
    return own.promise;
  }

  #add(
    init: Pick<PeerChannelSettings, 'channel' | 'handshake' | 'address' | 'isOpener' | 'openTimeoutMs'>,
  ): PeerChannel {
    const channel = new PeerChannel({
      ...init,
      idleMs: this.#init.idleMs,
      clock: this.#init.clock,
      owner: this,
    });
    this.#all.add(channel);
    return channel;
  }

  /**
   * Only agents of Tor61 with several channels mix them up; in Tor each channel has circuit IDs of its own. A connection
   * to oneself has two ends that must not be mixed.
   */
  #watchSiblings(peerId: PeerId, siblings: readonly PeerChannel[]): void {
    if (typeof peerId === 'string') return;
    const enabled = siblings.length > 1 && peerId !== this.#init.selfId;
    for (const channel of siblings) channel.channel.setDeliverUnknown(enabled);
  }
}

function wrongKey({ peerId }: ExtendTarget): KistError {
  const message = `${peerId} has another Ed25519 identity than the one asked for`;
  return new KistError('ERR_KIST_WRONG_IDENTITY', message);
}

type PeerChannelSettings = ConstructorParameters<typeof PeerChannel>[0];
