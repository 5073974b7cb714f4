import { createHash } from 'node:crypto';
import type { Clock } from '../../util/clock.js';
import { KistError } from '../../util/errors.js';
import type { LinkHandshake, LinkStep } from '../control-dialect.js';
import { addressFromBytes, addressToBytes, hostBytes } from './addresses.js';
import { COMMAND, commandName, isVariable, payloadOf } from './cells.js';
import {
  encodeNetinfo,
  encodeVersions,
  parseNetinfo,
  parsePaddingNegotiate,
  parseVersions,
} from './link-cells.js';
import type { PaddingRequest } from './link-cells.js';

/** Link protocol versions that are spoken: those with circuit IDs of 4 bytes. */
export const LINK_VERSIONS: readonly number[] = [4, 5];
/** From this one on there is link padding to negotiate. */
const PADDING_VERSION = 5;

export const NOTHING: LinkStep = {};

/** The identities that a peer proved. */
export interface LinkPeer {
  /** 40 upper-case hexadecimal digits. */
  readonly rsaFingerprint: string;
  readonly ed25519Identity: Uint8Array;
}

/** What is known of a link once its handshake is over. */
export interface LinkDetails {
  readonly linkVersion: number;
  /** Undefined: a client, which proved nothing. */
  readonly peer: LinkPeer | undefined;
  /** The peer says that the address we see it at is its own. */
  readonly isCanonicalAddress: boolean;
  /** Our address as the peer sees it; it may lie. */
  readonly observedOwnAddress: string | undefined;
  /** By how much the peer's clock is ahead of ours; undefined where it told no time. */
  readonly clockSkewSeconds: number | undefined;
}

/** A handshake of the Tor dialect: its results can be read once it asked to `open`. */
export interface TorLinkHandshake extends LinkHandshake {
  readonly details: LinkDetails | undefined;
  /** The last request for link padding, where the peer made one. */
  readonly paddingRequest: PaddingRequest | undefined;
}

/** What both sides of a handshake need beside the identity. */
export interface LinkInit {
  /** The peer's `address:port`. */
  readonly peerAddress: string;
  /** Ours for NETINFO, as text; what is no address is left out. */
  readonly ownAddresses: readonly string[];
  readonly clock: Clock;
  /** So many bytes that nobody can guess. */
  readonly random: (length: number) => Uint8Array;
}

export function handshakeError(message: string): KistError {
  return new KistError('ERR_KIST_LINK_HANDSHAKE', message);
}

/** SHA-256 over cells as they went over the wire, one direction. */
export class CellLog {
  readonly #hash = createHash('sha256');

  add(cell: Uint8Array): void {
    this.#hash.update(cell);
  }

  /** Of what was added so far; more may follow. */
  digest(): Buffer {
    return this.#hash.copy().digest();
  }
}

/**
 * What an initiator and a responder do alike: both directions' logs, the choice of a version, NETINFO, the rules for
 * cells that may come at any time, and everything after the handshake. Who calls it keeps the order of the rest.
 */
export class LinkProgress {
  readonly sent = new CellLog();
  readonly received = new CellLog();
  readonly init: LinkInit;
  linkVersion = 0;
  details: LinkDetails | undefined;
  paddingRequest: PaddingRequest | undefined;

  constructor(init: LinkInit) {
    this.init = init;
  }

  /** Seconds since 1970. */
  get now(): number {
    return Math.floor(this.init.clock.date().getTime() / 1000);
  }

  versionsCell(): Buffer {
    const cell = encodeVersions(LINK_VERSIONS);
    this.sent.add(cell);
    return cell;
  }

  /** Takes the peer's VERSIONS: the highest that both know. */
  chooseVersion(cell: Uint8Array): void {
    const offered = parseVersions(payloadOf(cell, COMMAND.versions));
    const common = offered.filter((version) => LINK_VERSIONS.includes(version));
    if (common.length === 0)
      throw handshakeError(`no link protocol version in common: the peer speaks ${offered.join(', ')}`);
    this.linkVersion = Math.max(...common);
  }

  /** NETINFO of a relay tells the time and its addresses, that of a client neither. */
  netinfoCell(isRelay: boolean): Buffer {
    const own = this.init.ownAddresses.flatMap((address) => addressToBytes(address) ?? []);
    return encodeNetinfo({
      timestamp: isRelay ? this.now : 0,
      otherAddress: hostBytes(this.init.peerAddress),
      ownAddresses: isRelay ? own : [],
    });
  }

  /** Takes the peer's NETINFO: the handshake is over. */
  open(cell: Uint8Array, peer: LinkPeer | undefined, lastCell?: Uint8Array): LinkStep {
    const netinfo = parseNetinfo(payloadOf(cell, COMMAND.netinfo));
    const seen = hostBytes(this.init.peerAddress);
    const isCanonical = netinfo.ownAddresses.some((own) => seen !== undefined && seen.equals(own));
    const { otherAddress, timestamp } = netinfo;
    this.details = {
      linkVersion: this.linkVersion,
      peer,
      isCanonicalAddress: isCanonical,
      observedOwnAddress: otherAddress === undefined ? undefined : addressFromBytes(otherAddress),
      clockSkewSeconds: timestamp === 0 ? undefined : timestamp - this.now,
    };
    const opened: LinkStep = { outcome: 'open', peerId: peer?.rsaFingerprint ?? '' };
    return lastCell === undefined ? opened : { send: lastCell, ...opened };
  }

  /** Cells that mean nothing during a handshake: padding, second VERSIONS, what is unknown and says its length. */
  isIgnored(command: number): boolean {
    if (this.linkVersion === 0) return command === COMMAND.vpadding || command === COMMAND.authorize;
    const meant: readonly number[] = [COMMAND.certs, COMMAND.authChallenge, COMMAND.authenticate];
    return command === COMMAND.padding || (isVariable(command) && !meant.includes(command));
  }

  /** Cells of an open channel: those of a handshake break the protocol, but for VERSIONS and NETINFO. */
  afterOpen(command: number, cell: Uint8Array): LinkStep {
    const fatal: readonly number[] = [COMMAND.certs, COMMAND.authChallenge, COMMAND.authenticate];
    if (fatal.includes(command))
      throw handshakeError(`${commandName(command)} came when the handshake was over`);
    if (command === COMMAND.paddingNegotiate && this.linkVersion >= PADDING_VERSION) {
      try {
        this.paddingRequest = parsePaddingNegotiate(payloadOf(cell, command));
      } catch {
        // What cannot be read is ignored, as what cannot be granted.
      }
    }
    return NOTHING;
  }
}

/** Refuses cells of a handshake that belong to a circuit. */
export function checkCircId(command: number, circId: number): void {
  if (circId !== 0) throw handshakeError(`${commandName(command)} has the circuit ID ${circId}`);
}

export function unexpected(command: number, when: string): KistError {
  return handshakeError(`${commandName(command)} came ${when}`);
}

/** Carries out a step; a KistError of it closes the channel. */
export function closingOnError(action: () => LinkStep): LinkStep {
  try {
    return action();
  } catch (error) {
    if (error instanceof KistError) return { outcome: 'close', error };
    throw error;
  }
}
