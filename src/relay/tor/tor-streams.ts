import { isIP, isIPv6 } from 'node:net';
import { END_REASON } from '../../dialect/tor/reasons.js';
import { RELAY_COMMAND } from '../../dialect/tor/relay-commands.js';
import { encodeResolveError } from '../../dialect/tor/resolve-messages.js';
import type { BeginTarget } from '../../dialect/tor/stream-messages.js';
import {
  encodeConnected,
  encodeEnd,
  encodeResolved,
  parseBegin,
  parseResolve,
} from '../../dialect/tor/stream-messages.js';
import type { NativeRelayMessage } from '../../native/binding-types.js';
import type { Circuit } from '../../native/circuit.js';
import { codeOf } from '../../util/errors.js';
import { ConnectError, ExitStream } from '../exit-stream.js';
import type { ExitContext } from '../exit-stream.js';
import type { PeerChannel } from '../peer-channel.js';
import type { TorCircuitContext } from './tor-circuit-context.js';

/** Time to live told to clients with an address: exits report at most an hour, and our cache is short. */
const TTL_SECONDS = 60;

/** END reasons (tor-spec 6.3) by errno of a connection that failed. */
const REASON_OF_ERRNO: Readonly<Record<string, number>> = {
  ECONNREFUSED: END_REASON.connectRefused,
  ETIMEDOUT: END_REASON.timeout,
  EHOSTUNREACH: END_REASON.noRoute,
  ENETUNREACH: END_REASON.noRoute,
  ECONNRESET: END_REASON.connectionReset,
  EMFILE: END_REASON.resourceLimit,
  ENFILE: END_REASON.resourceLimit,
};

/** The streams of one circuit that ends here: decides, answers, and leaves the bytes to the data plane. */
export class TorStreams {
  readonly #circuit: Circuit;
  readonly #previous: PeerChannel;
  readonly #context: TorCircuitContext;
  readonly #streams = new Map<number, ExitStream>();
  /** Look-ups for RESOLVE under way; they are limited like streams. */
  #lookUps = 0;

  constructor(circuit: Circuit, previous: PeerChannel, context: TorCircuitContext) {
    this.#circuit = circuit;
    this.#previous = previous;
    this.#context = context;
  }

  get count(): number {
    return this.#streams.size;
  }

  begin(streamId: number, body: Buffer): void {
    const { counters, maxStreamsPerCircuit } = this.#context;
    const refused = counters.streamsRefused;
    // An ID in use is the client's mistake; the stream that has it goes on (tor-spec 6.2).
    if (streamId === 0 || this.#streams.has(streamId)) return void refused.inUse++;
    if (this.#streams.size >= maxStreamsPerCircuit) {
      refused.limit++;
      return this.#sendEnd(streamId, END_REASON.resourceLimit);
    }
    if (!this.#context.isKnownRelay(this.#previous.peerId)) {
      refused.policy++;
      return this.#sendEnd(streamId, END_REASON.misc);
    }
    let target: BeginTarget;
    try {
      target = parseBegin(body);
    } catch {
      refused.malformed++;
      return this.#sendEnd(streamId, END_REASON.protocol);
    }
    this.#connect(streamId, target);
  }

  /** No stream begins here. */
  refuse(streamId: number): void {
    this.#sendEnd(streamId, END_REASON.misc);
  }

  /** This relay serves no directory. */
  refuseDirectory(streamId: number): void {
    this.#sendEnd(streamId, END_REASON.notDirectory);
  }

  resolve(streamId: number, body: Buffer): void {
    const { exit, maxStreamsPerCircuit } = this.#context;
    const isAllowed = exit.policy.isEnabled && this.#context.isKnownRelay(this.#previous.peerId);
    let name: string | undefined;
    try {
      name = isAllowed ? parseResolve(body) : undefined;
    } catch {
      name = undefined;
    }
    // Reverse look-ups are not served: the answer is a permanent failure, as for a name that does not exist.
    if (name === undefined || name.endsWith('.arpa')) return this.#sendResolved(streamId, []);
    if (this.#lookUps >= maxStreamsPerCircuit) return this.#sendTransient(streamId);
    this.#lookUps++;
    const answer = (addresses: readonly string[]): void => {
      this.#lookUps--;
      this.#sendResolved(streamId, addresses);
    };
    exit.resolver.resolve(name).then(answer, () => answer([]));
  }

  /** The client ended a stream that is still being connected, or that the data plane does not know (any more). */
  end(streamId: number): void {
    this.#streams.get(streamId)?.cancel();
  }

  closeAll(): void {
    for (const stream of [...this.#streams.values()]) stream.cancel();
    this.#streams.clear();
  }

  #connect(streamId: number, target: BeginTarget): void {
    const { counters } = this.#context;
    const stream = new ExitStream(this.#circuit, streamId, this.#exitFor(target), () => {
      if (this.#streams.get(streamId) === stream) this.#streams.delete(streamId);
    });
    this.#streams.set(streamId, stream);
    let last: string | undefined;
    const connected = (address: string): NativeRelayMessage => {
      last = address;
      return { streamId, command: RELAY_COMMAND.connected, body: encodeConnected(address, TTL_SECONDS) };
    };
    stream.connect(target, connected).then(
      () => counters.streamsConnected++,
      (error: unknown) => {
        counters.streamsRefused[refusalOf(error)]++;
        // Cancelled by the client, or the circuit is gone: nobody waits for an answer.
        if (this.#streams.get(streamId) !== stream) return;
        stream.release();
        this.#sendEnd(streamId, endReasonOf(error), last);
      },
    );
  }

  /** BEGIN's flags narrow down which addresses of a name may be used, and order them. */
  #exitFor(target: BeginTarget): ExitContext {
    const { exit } = this.#context;
    const { policy } = exit;
    const isWanted = (address: string): boolean =>
      isIPv6(address) ? target.allowsIpv6 || isIPv6(target.host) : target.allowsIpv4;
    return {
      ...exit,
      policy: {
        isEnabled: policy.isEnabled,
        allows: (address, port) => isWanted(address) && policy.allows(address, port),
      },
    };
  }

  #sendEnd(streamId: number, reason: number, address?: string): void {
    const body =
      reason === END_REASON.exitPolicy && address !== undefined
        ? encodeEnd(reason, address, TTL_SECONDS)
        : encodeEnd(reason);
    this.#circuit.sendRelay({ streamId, command: RELAY_COMMAND.end, body });
  }

  #sendTransient(streamId: number): void {
    const body = encodeResolveError('transient');
    this.#circuit.sendRelay({ streamId, command: RELAY_COMMAND.resolved, body });
  }

  #sendResolved(streamId: number, addresses: readonly string[]): void {
    // An address with a zone means nothing elsewhere.
    const answers = addresses.filter((address) => isIP(address) !== 0 && !address.includes('%'));
    const body = encodeResolved(answers, TTL_SECONDS);
    this.#circuit.sendRelay({ streamId, command: RELAY_COMMAND.resolved, body });
  }
}

function endReasonOf(error: unknown): number {
  if (error instanceof ConnectError) {
    if (error.errno === 0) return END_REASON.timeout;
    return REASON_OF_ERRNO[error.errnoName] ?? END_REASON.misc;
  }
  switch (codeOf(error)) {
    case 'ERR_KIST_EXIT_POLICY':
      return END_REASON.exitPolicy;
    case 'ERR_KIST_RESOLVE':
    case 'ERR_KIST_TIMEOUT':
      return END_REASON.resolveFailed;
    default:
      return END_REASON.misc;
  }
}

function refusalOf(error: unknown): 'policy' | 'resolve' | 'connect' {
  switch (codeOf(error)) {
    case 'ERR_KIST_EXIT_POLICY':
      return 'policy';
    case 'ERR_KIST_RESOLVE':
    case 'ERR_KIST_TIMEOUT':
      return 'resolve';
    default:
      return 'connect';
  }
}
