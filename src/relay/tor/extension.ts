import type { ExtendTarget } from '../../dialect/control-dialect.js';
import { parseExtend2 } from '../../dialect/tor/create-cells.js';
import type { Circuit } from '../../native/circuit.js';
import { KistError } from '../../util/errors.js';
import { ExitPolicy } from '../exit-policy.js';
import type { PeerChannel } from '../peer-channel.js';
import { Waiter } from '../waiter.js';
import type { TorCircuitContext } from './tor-circuit-context.js';

/** Judges addresses as exits do without any exception. */
const PUBLIC = new ExitPolicy();

export interface ExtensionInit {
  readonly context: TorCircuitContext;
  readonly circuit: Circuit;
  readonly previous: PeerChannel;
  /** Body of EXTEND2. */
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

/**
 * One attempt to extend a circuit: reads EXTEND2, refuses what may not be (tor-spec 5.3: back to the previous hop, to
 * ourselves, to nobody, to private addresses), finds or opens the channel, sends CREATE2, waits for CREATED2. All within
 * one deadline.
 */
export class Extension {
  readonly #init: ExtensionInit;
  readonly #created: Waiter<Buffer>;
  #channel: PeerChannel | undefined;

  constructor(init: ExtensionInit) {
    this.#init = init;
    const { clock, extendTimeoutMs } = init.context;
    this.#created = new Waiter<Buffer>({
      what: 'EXTEND2',
      ms: extendTimeoutMs,
      clock,
      signal: init.signal,
    });
  }

  /** The channel on which CREATE2 was sent. */
  get channel(): PeerChannel | undefined {
    return this.#channel;
  }

  /** The whole CREATED2 cell. */
  async run(): Promise<Buffer> {
    const { context, circuit, body, signal } = this.#init;
    const { target, handshake } = parseExtend2(body);
    this.#check(target);
    context.channels.get(target, signal).then(
      (channel) => {
        if (this.#created.isSettled) return;
        this.#channel = channel;
        circuit.extend(channel.channel, handshake);
      },
      (error: unknown) => this.#created.reject(error),
    );
    return this.#created.promise;
  }

  onCreated(cell: Buffer): void {
    this.#created.resolve(cell);
  }

  onCreateFailed(reason: string): void {
    const cause = reason === 'none' ? 'the next hop refused CREATE2' : `CREATE2 failed (${reason})`;
    this.#created.reject(new KistError('ERR_KIST_CREATE_REFUSED', cause));
  }

  #check(target: ExtendTarget): void {
    const { context, previous } = this.#init;
    const refuse = (why: string): never => {
      throw new KistError('ERR_KIST_EXTEND_REFUSED', `EXTEND2 to ${target.host}:${target.port}: ${why}`);
    };
    if (target.peerId === context.selfId) refuse('that is this relay');
    if (target.peerId === previous.peerId) refuse('that is the previous hop');
    const isPublic = PUBLIC.allows(target.host, target.port);
    if (!isPublic && !context.allowsPrivateExtends) refuse('a private address');
  }
}
