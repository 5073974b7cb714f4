/**
 * The link handshake of the Tor dialect: VERSIONS, CERTS, AUTH_CHALLENGE, AUTHENTICATE and NETINFO over TLS
 * (tor-spec 4), link protocol versions 4 and 5. States are drawn at `InitiatorHandshake` and `ResponderHandshake`, whose steps
 * `src/relay/peer-channel.ts` carries out. Nothing here does I/O; what a TLS connection knows comes as LinkSecrets.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import { argumentError } from '../../util/errors.js';
import type { ExtendTarget, LinkDialect, PeerId } from '../control-dialect.js';
import { InitiatorHandshake } from './initiator-handshake.js';
import type { ExpectedPeer } from './initiator-handshake.js';
import type { LinkIdentity } from './link-identity.js';
import type { LinkInit, TorLinkHandshake } from './link-progress.js';
import { ResponderHandshake } from './responder-handshake.js';

export interface TorLinkDialectInit {
  readonly identity: LinkIdentity;
  /** Our own addresses for NETINFO, asked for in every handshake. */
  readonly ownAddresses?: () => readonly string[];
  readonly clock?: Clock;
  readonly random?: (length: number) => Uint8Array;
}

function expectedPeer({ peerId, ed25519Identity }: ExtendTarget): ExpectedPeer {
  if (typeof peerId !== 'string') throw argumentError('peerId', 'an RSA fingerprint', peerId);
  return { rsaFingerprint: peerId === '' ? undefined : peerId.toUpperCase(), ed25519Identity };
}

export class TorLinkDialect implements LinkDialect {
  readonly name = 'tor';
  readonly #init: TorLinkDialectInit;

  constructor(init: TorLinkDialectInit) {
    this.#init = init;
  }

  /** Authenticates us to the target; a target with the peerId '' may be anybody. */
  openerHandshake(_selfId: PeerId, target: ExtendTarget, address: string): TorLinkHandshake {
    return new InitiatorHandshake(this.#init.identity, expectedPeer(target), this.#linkInit(address));
  }

  acceptorHandshake(_selfId: PeerId, address: string): TorLinkHandshake {
    return new ResponderHandshake(this.#init.identity, this.#linkInit(address));
  }

  #linkInit(peerAddress: string): LinkInit {
    const { ownAddresses, clock = systemClock, random = randomBytes } = this.#init;
    return { peerAddress, ownAddresses: ownAddresses?.() ?? [], clock, random };
  }
}
