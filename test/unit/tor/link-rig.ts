/** Two ends of a Tor link handshake without a network: steps of one are cells of the other. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { LinkSecrets, LinkStep } from '../../../src/dialect/control-dialect.js';
import type { TorLinkHandshake } from '../../../src/dialect/tor/link-progress.js';
import { TorLinkDialect } from '../../../src/dialect/tor/tor-link-dialect.js';
import { makeTlsCredentials, TestIdentity } from '../../support/tor-link-identity.js';
import { ManualClock } from '../../../src/util/clock.js';

export const NOW = Date.UTC(2026, 10, 22) / 1000;
export const INITIATOR_ADDRESS = '192.0.2.1:40000';
export const RESPONDER_ADDRESS = '[2001:db8::2]:9001';

export class FixedClock extends ManualClock {
  override date(): Date {
    return new Date(NOW * 1000 + super.date().getTime());
  }
}

/** A whole cell and what the data plane says of it. */
export interface RawCell {
  readonly command: number;
  readonly circId: number;
  readonly bytes: Buffer;
}

/** Cuts sent bytes into cells. Circuit IDs are short until VERSIONS has gone by. */
export class CellCutter {
  #idBytes = 2;

  cut(bytes: Uint8Array): RawCell[] {
    const cells: RawCell[] = [];
    let rest = Buffer.from(bytes);
    while (rest.length > 0) {
      const cell = this.next(rest);
      assert.ok(cell !== undefined, `${rest.length} bytes are no cell`);
      cells.push(cell);
      rest = rest.subarray(cell.bytes.length);
    }
    return cells;
  }

  /** The first cell of the bytes, or undefined where it is not all there. */
  next(bytes: Buffer): RawCell | undefined {
    const head = this.#idBytes + 1;
    if (bytes.length < head + 2) return undefined;
    const command = bytes.readUInt8(this.#idBytes);
    const isVariable = command === 7 || command >= 128;
    const length = isVariable ? head + 2 + bytes.readUInt16BE(head) : head + 509;
    if (bytes.length < length) return undefined;
    const circId = bytes.readUIntBE(0, this.#idBytes);
    if (command === 7) this.#idBytes = 4;
    return { command, circId, bytes: bytes.subarray(0, length) };
  }
}

const TLS_CERTIFICATE = makeTlsCredentials(NOW).certificate;

/** The TLS connection between the two: both ends export the same for one context. */
export class FakeTls {
  readonly certificate: Buffer;
  readonly contexts: Buffer[] = [];

  constructor(certificate: Buffer = TLS_CERTIFICATE) {
    this.certificate = certificate;
  }

  secrets(isInitiator: boolean, context: Uint8Array): LinkSecrets {
    this.contexts.push(Buffer.from(context));
    const exported = createHash('sha256').update('exporter').update(context).digest();
    const none = new Uint8Array(0);
    const [ownCertificate, peerCertificate] = isInitiator
      ? [none, this.certificate]
      : [this.certificate, none];
    return { exported, ownCertificate, peerCertificate };
  }
}

/** One end: feeds cells to its handshake, answers its export requests, keeps what it sent and how it ended. */
export class LinkEnd {
  readonly handshake: TorLinkHandshake;
  readonly sent: RawCell[] = [];
  readonly steps: LinkStep[] = [];
  readonly #tls: FakeTls;
  readonly #cutter = new CellCutter();

  constructor(handshake: TorLinkHandshake, tls: FakeTls) {
    this.handshake = handshake;
    this.#tls = tls;
  }

  /** The step that opened or closed it. */
  get last(): LinkStep | undefined {
    return this.steps.find((step) => step.outcome !== undefined);
  }

  start(): RawCell[] {
    return this.#carryOut(this.handshake.start());
  }

  /** Returns what it sends in answer. */
  receive(cell: RawCell): RawCell[] {
    if (this.last?.outcome === 'close') return [];
    // Copies: a handshake may not rely on a cell's bytes once it has returned.
    const bytes = Buffer.from(cell.bytes);
    const sent = this.#carryOut(this.handshake.receive(cell.command, cell.circId, bytes));
    bytes.fill(0xff);
    return sent;
  }

  #carryOut(step: LinkStep): RawCell[] {
    this.steps.push(step);
    const cells = step.send === undefined ? [] : this.#cutter.cut(step.send);
    this.sent.push(...cells);
    if (step.exportContext === undefined) return cells;
    const { isInitiator } = this.handshake;
    const secrets = this.#tls.secrets(isInitiator, step.exportContext);
    return [...cells, ...this.#carryOut(this.handshake.exported?.(secrets) ?? {})];
  }
}

export type Change = (cell: RawCell) => RawCell[];
export const asIs: Change = (cell) => [cell];

export interface Link {
  readonly initiator: LinkEnd;
  readonly responder: LinkEnd;
  readonly tls: FakeTls;
}

/** Passes cells to and fro until nobody has anything to say; each may be changed on its way. */
export function run(link: Link, fromInitiator: Change = asIs, fromResponder: Change = asIs): void {
  let toResponder = link.initiator.start();
  while (toResponder.length > 0) {
    const toInitiator = toResponder.flatMap(fromInitiator).flatMap((cell) => link.responder.receive(cell));
    toResponder = toInitiator.flatMap(fromResponder).flatMap((cell) => link.initiator.receive(cell));
  }
}

export interface LinkOptions {
  readonly initiator?: TestIdentity;
  readonly responder?: TestIdentity;
  readonly expected?: { readonly peerId?: string; readonly ed25519Identity?: Uint8Array };
}

const [IDENTITY_A, IDENTITY_B] = [new TestIdentity(NOW), new TestIdentity(NOW)];

export function makeLink(options: LinkOptions = {}): Link & { readonly ids: [TestIdentity, TestIdentity] } {
  const ids: [TestIdentity, TestIdentity] = [
    options.initiator ?? IDENTITY_A,
    options.responder ?? IDENTITY_B,
  ];
  const clock = new FixedClock();
  const tls = new FakeTls();
  const [initiator, responder] = ids;
  const ours = new TorLinkDialect({ identity: initiator, clock, ownAddresses: () => ['192.0.2.1'] });
  const theirs = new TorLinkDialect({ identity: responder, clock, ownAddresses: () => ['2001:db8::2'] });
  const target = {
    host: '2001:db8::2',
    port: 9001,
    peerId: options.expected?.peerId ?? responder.rsaFingerprint,
    ed25519Identity: options.expected?.ed25519Identity ?? responder.ed25519Identity,
  };
  const opener = ours.openerHandshake(initiator.rsaFingerprint, target, RESPONDER_ADDRESS);
  const acceptor = theirs.acceptorHandshake(responder.rsaFingerprint, INITIATOR_ADDRESS);
  return {
    ids,
    tls,
    initiator: new LinkEnd(opener, tls),
    responder: new LinkEnd(acceptor, tls),
  };
}
