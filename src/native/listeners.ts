import type { Channel } from './channel.js';
import type { Circuit } from './circuit.js';
import type { CLOSE_REASONS, SIDES } from './binding-types.js';

export type CloseReason = (typeof CLOSE_REASONS)[number];
export type Side = (typeof SIDES)[number];

/** What a listening socket tells. A listener must give an accepted channel its own listener before it returns. */
export interface AcceptListener {
  onAccepted(channel: Channel, peer: string): void;
  /** Accepting stopped for good; `errno` says why. */
  onListenerFailed(errno: number): void;
}

/** Answers to one connect(). Exactly one of the two is called, unless it was cancelled. */
export interface ConnectListener {
  /** The channel must be given its listener before this returns. */
  onConnected(channel: Channel): void;
  /** `errno` 0: the deadline passed. */
  onConnectFailed(errno: number): void;
}

/** What the transport under a channel knows of its link. */
export interface LinkSecrets {
  /** Keying material exported from TLS (RFC 5705), 32 bytes. */
  readonly exported: Uint8Array;
  /** DER; empty where there is none. */
  readonly ownCertificate: Uint8Array;
  readonly peerCertificate: Uint8Array;
}

export interface ChannelListener {
  /** A cell of the link handshake; nothing more is read until `channel.releaseLinkCell()`. */
  onLinkCell(command: number, circId: number, cell: Buffer): void;
  /** A peer asks for a circuit. It must be given its listener before this returns, then accepted or refused. */
  onCircuitCreate(circuit: Circuit, circId: number, cell: Buffer): void;
  onUnknownCell(circId: number, cell: Buffer): void;
  /** The answer to `channel.exportLink()`; undefined: the transport has no secrets. */
  onLinkExported?(secrets: LinkSecrets | undefined): void;
  onChannelClosed(reason: CloseReason, errno: number): void;
}

export interface CircuitListener {
  /** CREATE was sent; `circId` is the circuit's number on the next hop's channel. */
  onAttached(circId: number): void;
  onCreated(cell: Buffer): void;
  /** `reason` none: the peer refused. A circuit of our own is gone, an extending one awaits unextend(). */
  onCreateFailed(reason: CloseReason): void;
  /**
   * The answer to `circuit.acceptOnion()`. Not accepted: DESTROY was sent and the circuit is gone; `reason` is
   * `malformed` (no answer fits the request), `exhausted` (too much waits for a thread), `timeout` (it waited too long).
   */
  onAnswered?(accepted: boolean, reason: CloseReason, queueDelayUs: number): void;
  onRelayMessage(streamId: number, command: number, body: Buffer): void;
  /** The circuit is gone; every stream's onStreamClosed was called just before. Not called after close(). */
  onCircuitClosed(reason: CloseReason, side: Side): void;
}

/** What happens to one stream of a circuit that ends here. Methods that cannot apply do nothing. */
export interface StreamListener {
  onStreamData?(bytes: Buffer): void;
  onStreamEnd?(): void;
  onStreamConnected?(): void;
  /** `errno` 0: the deadline passed. The stream is still known; connect again or reset it. */
  onStreamConnectFailed?(errno: number): void;
  onStreamWritten?(bytes: number): void;
  /** The stream is forgotten. Not called after reset(). */
  onStreamClosed(reason: CloseReason): void;
}
