import { KistError } from '../../util/errors.js';
import type { LinkSecrets, LinkStep } from '../control-dialect.js';
import { encodeAuthenticate, sha256 } from './authenticate.js';
import { COMMAND, payloadOf } from './cells.js';
import { AUTH_METHOD_ED25519, encodeCerts, parseAuthChallenge, parseCerts } from './link-cells.js';
import type { PaddingRequest } from './link-cells.js';
import type { LinkIdentity } from './link-identity.js';
import {
  checkCircId,
  closingOnError,
  handshakeError,
  LinkProgress,
  NOTHING,
  unexpected,
} from './link-progress.js';
import type { LinkDetails, LinkInit, TorLinkHandshake } from './link-progress.js';
import { checkResponderCerts } from './peer-certificates.js';
import type { PeerCertificates } from './peer-certificates.js';

const RAND_BYTES = 24;
const NO_CONTEXT = new Uint8Array(0);

type State = 'versions' | 'certs' | 'checking' | 'challenge' | 'netinfo' | 'open';

/** Whom the initiator wants to reach: what is left out is not checked. */
export interface ExpectedPeer {
  /** 40 upper-case hexadecimal digits. */
  readonly rsaFingerprint?: string | undefined;
  readonly ed25519Identity?: Uint8Array | undefined;
}

function describePeer({ rsaFingerprint, ed25519Identity }: ExpectedPeer): string {
  const ed25519 =
    ed25519Identity === undefined ? 'any' : Buffer.from(ed25519Identity).toString('base64').slice(0, 43);
  return `RSA identity ${rsaFingerprint ?? 'any'}, Ed25519 identity ${ed25519}`;
}

/**
 * The side that made the connection (tor-spec 4):
 *
 *     versions --VERSIONS--> certs --CERTS--> checking (TLS certificate and secrets) --> challenge
 *     challenge --AUTH_CHALLENGE--> netinfo --NETINFO--> open
 *
 * A relay answers AUTH_CHALLENGE with CERTS, AUTHENTICATE and NETINFO, and so proves its own identity; without an
 * identity it is a client and sends NETINFO only. It opens only to the peer that was expected.
 */
export class InitiatorHandshake implements TorLinkHandshake {
  readonly isInitiator = true;
  readonly #identity: LinkIdentity | undefined;
  readonly #expected: ExpectedPeer;
  readonly #progress: LinkProgress;
  #state: State = 'versions';
  #certificates: ReadonlyMap<number, Uint8Array> = new Map();
  #peer: PeerCertificates | undefined;
  #secrets: LinkSecrets | undefined;

  constructor(identity: LinkIdentity | undefined, expected: ExpectedPeer, init: LinkInit) {
    this.#identity = identity;
    this.#expected = expected;
    this.#progress = new LinkProgress(init);
  }

  get details(): LinkDetails | undefined {
    return this.#progress.details;
  }

  get ed25519Identity(): Uint8Array | undefined {
    return this.details?.peer?.ed25519Identity;
  }

  get paddingRequest(): PaddingRequest | undefined {
    return this.#progress.paddingRequest;
  }

  start(): LinkStep {
    return { send: this.#progress.versionsCell() };
  }

  receive(command: number, circId: number, cell: Uint8Array): LinkStep {
    return closingOnError(() => this.#receive(command, circId, cell));
  }

  exported(secrets: LinkSecrets | undefined): LinkStep {
    return closingOnError(() => {
      if (this.#state !== 'checking') return NOTHING;
      if (secrets === undefined || secrets.peerCertificate.length === 0)
        throw handshakeError('the link has no TLS certificate of the peer');
      return this.#check(secrets);
    });
  }

  #receive(command: number, circId: number, cell: Uint8Array): LinkStep {
    const progress = this.#progress;
    if (this.#state === 'open') return progress.afterOpen(command, cell);
    if (this.#state === 'checking') throw unexpected(command, 'while the last cell was being worked on');
    progress.received.add(cell);
    if (progress.isIgnored(command)) return NOTHING;
    if (this.#state === 'versions') {
      if (command !== COMMAND.versions) throw unexpected(command, 'before VERSIONS');
      progress.chooseVersion(cell);
      this.#state = 'certs';
      return NOTHING;
    }
    if (command === COMMAND.certs && this.#state === 'certs') return this.#certs(circId, cell);
    if (command === COMMAND.authChallenge && this.#state === 'challenge') return this.#answer(circId, cell);
    if (command === COMMAND.netinfo && this.#peer !== undefined) return this.#open(cell, this.#peer);
    throw unexpected(command, this.#state === 'certs' ? 'before CERTS' : 'out of turn');
  }

  /** The context is that of AUTHENTICATE, so that asking once is enough. */
  #certs(circId: number, cell: Uint8Array): LinkStep {
    checkCircId(COMMAND.certs, circId);
    // A copy: parts of it outlive the cell.
    this.#certificates = parseCerts(Buffer.from(payloadOf(cell, COMMAND.certs)));
    this.#state = 'checking';
    const identity = this.#identity;
    return { exportContext: identity === undefined ? NO_CONTEXT : sha256(identity.rsaIdentityKeyDer) };
  }

  #check(secrets: LinkSecrets): LinkStep {
    const peer = checkResponderCerts(this.#certificates, secrets.peerCertificate, this.#progress.now);
    this.#checkExpected(peer);
    this.#peer = peer;
    this.#secrets = secrets;
    this.#state = 'challenge';
    return this.#identity === undefined ? { send: this.#progress.netinfoCell(false) } : NOTHING;
  }

  #checkExpected(peer: PeerCertificates): void {
    const { rsaFingerprint, ed25519Identity } = this.#expected;
    const isRsa = rsaFingerprint === undefined || rsaFingerprint === peer.rsaFingerprint;
    const isEd = ed25519Identity === undefined || Buffer.compare(ed25519Identity, peer.ed25519Identity) === 0;
    if (isRsa && isEd) return;
    const address = this.#progress.init.peerAddress;
    const wanted = `expected ${describePeer(this.#expected)}`;
    const message = `${address} is not the relay that was asked for: ${wanted}; it has ${describePeer(peer)}`;
    throw new KistError('ERR_KIST_WRONG_IDENTITY', message);
  }

  #answer(circId: number, cell: Uint8Array): LinkStep {
    checkCircId(COMMAND.authChallenge, circId);
    const { methods } = parseAuthChallenge(payloadOf(cell, COMMAND.authChallenge));
    this.#state = 'netinfo';
    const [identity, peer, secrets] = [this.#identity, this.#peer, this.#secrets];
    if (identity === undefined || peer === undefined || secrets === undefined) return NOTHING;
    const netinfo = this.#progress.netinfoCell(true);
    if (!methods.includes(AUTH_METHOD_ED25519)) return { send: netinfo };
    return { send: Buffer.concat([...this.#authentication(identity, peer, secrets), netinfo]) };
  }

  /** CERTS and AUTHENTICATE. */
  #authentication(identity: LinkIdentity, peer: PeerCertificates, secrets: LinkSecrets): Buffer[] {
    const progress = this.#progress;
    const certs = encodeCerts(identity.initiatorCertificates());
    progress.sent.add(certs);
    const fields = {
      initiatorRsaDigest: sha256(identity.rsaIdentityKeyDer),
      responderRsaDigest: peer.rsaDigest,
      initiatorEd25519: identity.ed25519Identity,
      responderEd25519: peer.ed25519Identity,
      responderLog: progress.received.digest(),
      initiatorLog: progress.sent.digest(),
      tlsCertificateDigest: sha256(secrets.peerCertificate),
      tlsSecrets: secrets.exported,
    };
    const sign = (bytes: Uint8Array): Uint8Array => identity.signAuthenticate(bytes);
    return [certs, encodeAuthenticate(fields, progress.init.random(RAND_BYTES), sign)];
  }

  /** A responder that never sent AUTH_CHALLENGE has not had our NETINFO yet. */
  #open(cell: Uint8Array, { rsaFingerprint, ed25519Identity }: PeerCertificates): LinkStep {
    const mustTell = this.#state === 'challenge' && this.#identity !== undefined;
    this.#state = 'open';
    const last = mustTell ? this.#progress.netinfoCell(true) : undefined;
    return this.#progress.open(cell, { rsaFingerprint, ed25519Identity }, last);
  }
}
