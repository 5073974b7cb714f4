import type { LinkSecrets, LinkStep } from '../control-dialect.js';
import { checkAuthenticate, parseAuthenticate, sha256 } from './authenticate.js';
import type { Authenticate } from './authenticate.js';
import { COMMAND, payloadOf } from './cells.js';
import { AUTH_METHOD_ED25519, encodeAuthChallenge, encodeCerts, parseCerts } from './link-cells.js';
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
import type { LinkDetails, LinkInit, LinkPeer, TorLinkHandshake } from './link-progress.js';
import { checkInitiatorCerts } from './peer-certificates.js';
import type { PeerCertificates } from './peer-certificates.js';

const CHALLENGE_BYTES = 32;
const NO_CONTEXT = new Uint8Array(0);

type State = 'versions' | 'certificate' | 'peer' | 'authenticating' | 'open';

/**
 * The side that accepted the connection (tor-spec 4):
 *
 *     versions --VERSIONS--> certificate (which TLS certificate do we use?) --> peer
 *     peer --NETINFO--> open;  peer --CERTS, AUTHENTICATE--> authenticating (TLS secrets) --> peer
 *
 * On the way to `peer` it sends VERSIONS, CERTS, AUTH_CHALLENGE and NETINFO. A peer whose NETINFO comes without
 * AUTHENTICATE is a client, whatever its CERTS says.
 */
export class ResponderHandshake implements TorLinkHandshake {
  readonly isInitiator = false;
  readonly #identity: LinkIdentity;
  readonly #progress: LinkProgress;
  #state: State = 'versions';
  #ownTlsCertificate: Uint8Array = NO_CONTEXT;
  #claimed: PeerCertificates | undefined;
  #authenticate: Authenticate | undefined;
  #peer: LinkPeer | undefined;

  constructor(identity: LinkIdentity, init: LinkInit) {
    this.#identity = identity;
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
    return NOTHING;
  }

  receive(command: number, circId: number, cell: Uint8Array): LinkStep {
    return closingOnError(() => this.#receive(command, circId, cell));
  }

  exported(secrets: LinkSecrets | undefined): LinkStep {
    return closingOnError(() => {
      if (secrets === undefined) throw handshakeError('the link has no secrets to bind the handshake to');
      if (this.#state === 'certificate') return this.#introduce(secrets);
      if (this.#state === 'authenticating') return this.#checkAuthenticate(secrets);
      return NOTHING;
    });
  }

  #receive(command: number, circId: number, cell: Uint8Array): LinkStep {
    const progress = this.#progress;
    if (this.#state === 'open') return progress.afterOpen(command, cell);
    if (this.#state === 'certificate' || this.#state === 'authenticating')
      throw unexpected(command, 'while the last cell was being worked on');
    if (command !== COMMAND.authenticate) progress.received.add(cell);
    if (progress.isIgnored(command)) return NOTHING;
    if (this.#state === 'versions') {
      if (command !== COMMAND.versions) throw unexpected(command, 'before VERSIONS');
      progress.chooseVersion(cell);
      this.#state = 'certificate';
      return { exportContext: NO_CONTEXT };
    }
    if (command === COMMAND.certs) return this.#certs(circId, cell);
    if (command === COMMAND.authenticate) return this.#authenticateCell(circId, cell);
    if (command !== COMMAND.netinfo) throw unexpected(command, 'instead of CERTS or NETINFO');
    this.#state = 'open';
    return progress.open(cell, this.#peer);
  }

  /** Says who we are, now that it is known which TLS certificate vouches for it. */
  #introduce({ ownCertificate }: LinkSecrets): LinkStep {
    if (ownCertificate.length === 0) throw handshakeError('the link has no TLS certificate of ours');
    this.#ownTlsCertificate = ownCertificate;
    const progress = this.#progress;
    const versions = progress.versionsCell();
    const certs = encodeCerts(this.#identity.linkCertificates(ownCertificate));
    const challenge = encodeAuthChallenge({
      challenge: progress.init.random(CHALLENGE_BYTES),
      methods: [AUTH_METHOD_ED25519],
    });
    progress.sent.add(certs);
    progress.sent.add(challenge);
    this.#state = 'peer';
    return { send: Buffer.concat([versions, certs, challenge, progress.netinfoCell(true)]) };
  }

  #certs(circId: number, cell: Uint8Array): LinkStep {
    checkCircId(COMMAND.certs, circId);
    if (this.#claimed !== undefined) throw unexpected(COMMAND.certs, 'twice');
    // A copy: parts of it outlive the cell.
    const certificates = parseCerts(Buffer.from(payloadOf(cell, COMMAND.certs)));
    this.#claimed = checkInitiatorCerts(certificates, this.#progress.now);
    return NOTHING;
  }

  #authenticateCell(circId: number, cell: Uint8Array): LinkStep {
    checkCircId(COMMAND.authenticate, circId);
    if (this.#claimed === undefined) throw unexpected(COMMAND.authenticate, 'before CERTS');
    if (this.#authenticate !== undefined) throw unexpected(COMMAND.authenticate, 'twice');
    this.#authenticate = parseAuthenticate(Buffer.from(payloadOf(cell, COMMAND.authenticate)));
    this.#state = 'authenticating';
    return { exportContext: this.#claimed.rsaDigest };
  }

  #checkAuthenticate({ exported }: LinkSecrets): LinkStep {
    const [claimed, authenticate] = [this.#claimed, this.#authenticate];
    if (claimed === undefined || authenticate === undefined) return NOTHING;
    const expected = {
      initiatorRsaDigest: claimed.rsaDigest,
      responderRsaDigest: sha256(this.#identity.rsaIdentityKeyDer),
      initiatorEd25519: claimed.ed25519Identity,
      responderEd25519: this.#identity.ed25519Identity,
      responderLog: this.#progress.sent.digest(),
      initiatorLog: this.#progress.received.digest(),
      tlsCertificateDigest: sha256(this.#ownTlsCertificate),
      tlsSecrets: exported,
    };
    checkAuthenticate(authenticate, expected, claimed.certified);
    const { rsaFingerprint, ed25519Identity } = claimed;
    this.#peer = { rsaFingerprint, ed25519Identity };
    this.#state = 'peer';
    return NOTHING;
  }
}
