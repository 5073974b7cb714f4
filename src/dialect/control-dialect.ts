import type { KistError } from '../util/errors.js';

/**
 * Who stands at the far end of a channel: in Tor61 the agent ID, an unsigned 32-bit number; in Tor the fingerprint of
 * the RSA identity, 40 upper-case hexadecimal digits, or '' for a peer that proved none (a client).
 */
export type PeerId = number | string;

/** What the transport under a channel knows of its link: see `exportLink` in src/native/binding-types.ts. */
export interface LinkSecrets {
  /** Keying material exported from TLS (RFC 5705), 32 bytes. */
  readonly exported: Uint8Array;
  /** DER; empty where there is none. */
  readonly ownCertificate: Uint8Array;
  readonly peerCertificate: Uint8Array;
}

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
  /** Asks for the link's secrets, exported in this context; `exported()` goes on from there. */
  readonly exportContext?: Uint8Array;
}

/** One channel's link handshake: pure decisions. It goes on answering link cells of an open channel. */
export interface LinkHandshake {
  /** Whether we opened the connection; it decides which circuit IDs are ours on this channel. */
  readonly isInitiator: boolean;
  /** Tor: what the peer of an open channel proved to be. */
  readonly ed25519Identity?: Uint8Array | undefined;
  start(): LinkStep;
  receive(command: number, circId: number, cell: Uint8Array): LinkStep;
  /** The answer to `exportContext`; undefined when the link has no secrets. */
  exported?(secrets: LinkSecrets | undefined): LinkStep;
}

/** Where a circuit shall be extended to. */
export interface ExtendTarget {
  readonly host: string;
  readonly port: number;
  readonly peerId: PeerId;
  /** Tor: the Ed25519 identity, 32 bytes, where it is known. */
  readonly ed25519Identity?: Uint8Array | undefined;
  /** Tor: the ntor onion key, 32 bytes; needed for circuits of our own only. */
  readonly ntorKey?: Uint8Array | undefined;
}

/** What opens channels to peers: the part of a dialect that `ChannelManager` needs. */
export interface LinkDialect {
  readonly name: string;
  /** `address` is the peer's `address:port`. */
  openerHandshake(selfId: PeerId, target: ExtendTarget, address: string): LinkHandshake;
  acceptorHandshake(selfId: PeerId, address: string): LinkHandshake;
}

/** Our side of making one hop of a circuit of our own. */
export interface HopHandshake {
  /** Payload of CREATE, or what EXTEND carries of it. */
  readonly payload: Uint8Array;
  /** Checks the answer; returns the hop's key material, or undefined in a dialect without relay encryption. */
  finish(answer: Uint8Array): Uint8Array | undefined;
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
export interface ControlDialect extends LinkDialect {
  readonly commands: RelayCommands;
  /** Begins a hop of a circuit of our own. */
  beginHop(target: ExtendTarget): HopHandshake;
  /** What a whole CREATED cell, and a body of EXTENDED, carry for `HopHandshake.finish`. */
  parseCreated(cell: Uint8Array): Uint8Array;
  parseExtended(body: Uint8Array): Uint8Array;
  /** `handshake` is the HopHandshake's payload. */
  encodeExtend(target: ExtendTarget, handshake: Uint8Array): Uint8Array;
  parseExtend(body: Uint8Array): ExtendTarget;
  encodeBegin(target: StreamTarget): Uint8Array;
  parseBegin(body: Uint8Array): StreamTarget;
}
