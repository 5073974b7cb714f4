import type { KistError } from '../util/errors.js';

/** Who stands at the far end of a channel: in Tor61 the agent ID, an unsigned 32-bit number. */
export type PeerId = number;

/** What one step of a link handshake asks its channel to do, in this order. */
export interface LinkStep {
  /** A whole cell to send. */
  readonly send?: Uint8Array;
  /** `open`: circuits may use the channel; `close`: end it after what was sent. */
  readonly outcome?: 'open' | 'close';
  /** With `open`. */
  readonly peerId?: PeerId;
  /** Why it ends (`close`), or will unless a better answer comes within `graceMs`. */
  readonly error?: KistError;
  readonly graceMs?: number;
}

/** One channel's link handshake: pure decisions. It goes on answering link cells of an open channel. */
export interface LinkHandshake {
  /** Whether circuit IDs of our choice are odd on this channel. */
  readonly isOdd: boolean;
  start(): LinkStep;
  receive(command: number, circId: number, cell: Uint8Array): LinkStep;
}

/** Where a circuit shall be extended to. */
export interface ExtendTarget {
  readonly host: string;
  readonly port: number;
  readonly agentId: PeerId;
}

/** Where a stream shall go: a name or a literal address (IPv6 without brackets). */
export interface StreamTarget {
  readonly host: string;
  readonly port: number;
}

/** Numbers of the relay messages that the control plane sends or understands. */
export interface RelayCommands {
  readonly begin: number;
  readonly end: number;
  readonly connected: number;
  readonly beginFailed: number;
  readonly extend: number;
  readonly extended: number;
  readonly extendFailed: number;
}

/**
 * What the cells of a dialect mean; `native/cell/<name>_dialect` says how they look. Parsers throw KistError with the
 * code ERR_KIST_MALFORMED for what cannot be read, and never anything else. Stateless: one object serves all.
 * To add one: a folder beside `tor61/` and a line in `registry.ts`.
 */
export interface ControlDialect {
  readonly name: string;
  readonly commands: RelayCommands;
  openerHandshake(selfId: PeerId, peerId: PeerId): LinkHandshake;
  acceptorHandshake(selfId: PeerId): LinkHandshake;
  /** Payload of CREATE toward the next hop, and of CREATED. */
  createPayload(): Uint8Array;
  createdPayload(): Uint8Array;
  encodeExtend(target: ExtendTarget): Uint8Array;
  parseExtend(body: Uint8Array): ExtendTarget;
  encodeBegin(target: StreamTarget): Uint8Array;
  parseBegin(body: Uint8Array): StreamTarget;
}
