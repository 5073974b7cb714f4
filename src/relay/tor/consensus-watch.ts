import { parseConsensus } from '../../directory/consensus.js';
import type { ConsensusRouter } from '../../directory/consensus-router.js';
import type { Consensus } from '../../directory/consensus.js';
import type { Clock, ClockTimer } from '../../util/clock.js';
import { KistError, messageOf } from '../../util/errors.js';
import type { Logger } from '../../util/logger.js';
import type { DirectoryAuthority, DirectoryClient } from './directory-client.js';

export interface ConsensusWatchInit {
  readonly authorities: readonly DirectoryAuthority[];
  readonly client: DirectoryClient;
  /** Our own, 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  readonly clock: Clock;
  readonly logger: Logger;
  onConsensus(consensus: Consensus): void;
}

/** Waits after a failure, and the least and most between two fetches. */
const RETRY_MS = 10_000;
const MIN_WAIT_MS = 5000;
const MAX_WAIT_MS = 3_600_000;
/** After so many consensuses without us the operator is told. */
const PATIENCE = 3;

/**
 * Follows the consensus of the network: fetches it from one authority after the other when the present one is no longer
 * fresh, and says in the log when this relay is listed, with which flags, and when it is missing.
 *
 * Its signatures are not checked: what it says serves the operator's information and the decision who counts as a relay,
 * and comes from the authorities that were configured.
 */
export class ConsensusWatch {
  readonly #init: ConsensusWatchInit;
  readonly #abort = new AbortController();
  #timer: ClockTimer | undefined;
  #consensus: Consensus | undefined;
  #relays: ReadonlySet<string> = new Set();
  #listing = '';
  #missing = 0;
  #turn = 0;

  constructor(init: ConsensusWatchInit) {
    this.#init = init;
  }

  get consensus(): Consensus | undefined {
    return this.#consensus;
  }

  /** What the consensus says of this relay. */
  get self(): ConsensusRouter | undefined {
    return this.#consensus?.routers.find((router) => router.fingerprint === this.#init.fingerprint);
  }

  /** Undefined before the first consensus. */
  knows(fingerprint: string): boolean | undefined {
    return this.#consensus === undefined ? undefined : this.#relays.has(fingerprint);
  }

  start(): void {
    if (this.#init.authorities.length > 0) void this.#turnOnce();
  }

  stop(): void {
    this.#abort.abort();
    this.#timer?.cancel();
  }

  async #turnOnce(): Promise<void> {
    let waitMs = RETRY_MS;
    try {
      const consensus = await this.#fetch();
      waitMs = this.#waitAfter(consensus);
      if (consensus.validAfter.getTime() !== this.#consensus?.validAfter.getTime()) this.#take(consensus);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#init.logger.debug(`directory: no consensus yet: ${messageOf(error)}`);
    }
    if (this.#abort.signal.aborted) return;
    this.#timer = this.#init.clock.setTimeout(() => void this.#turnOnce(), waitMs);
  }

  async #fetch(): Promise<Consensus> {
    const { authorities, client } = this.#init;
    const authority = authorities[this.#turn++ % authorities.length];
    if (authority === undefined) throw new KistError('ERR_KIST_DIRECTORY', 'no directory authority');
    const answer = await client.get(authority, '/tor/status-vote/current/consensus', this.#abort.signal);
    if (answer.status !== 200) {
      throw new KistError('ERR_KIST_DIRECTORY', `${authority.nickname}: ${answer.status} ${answer.reason}`);
    }
    return parseConsensus(Buffer.from(answer.body, 'latin1'));
  }

  /** A little after it stops to be fresh, when its successor is out everywhere. */
  #waitAfter({ validAfter, freshUntil }: Consensus): number {
    const now = this.#init.clock.date().getTime();
    const period = freshUntil.getTime() - validAfter.getTime();
    const wait = freshUntil.getTime() + period / 4 - now;
    return Math.min(Math.max(wait, MIN_WAIT_MS), MAX_WAIT_MS);
  }

  #take(consensus: Consensus): void {
    this.#consensus = consensus;
    this.#relays = new Set(consensus.routers.map((router) => router.fingerprint));
    this.#tell();
    this.#init.onConsensus(consensus);
  }

  #tell(): void {
    const { logger } = this.#init;
    const self = this.self;
    const listing = self === undefined ? 'no' : [...self.flags].sort().join(' ');
    this.#missing = self === undefined ? this.#missing + 1 : 0;
    if (this.#missing === PATIENCE) {
      logger.warn('directory: the consensus does not list this relay');
    }
    if (listing === this.#listing) return;
    this.#listing = listing;
    if (self !== undefined) logger.info(`directory: the consensus lists this relay: ${listing}`);
  }
}
