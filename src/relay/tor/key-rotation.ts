import type { OnionKeys, RouterIdentity } from '../../identity/index.js';
import type { Clock, ClockTimer } from '../../util/clock.js';
import { messageOf } from '../../util/errors.js';
import type { Logger } from '../../util/logger.js';

export interface KeyRotationInit {
  readonly identity: RouterIdentity;
  readonly onionKeys: OnionKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** New channels show another certificate from now on. */
  onTls(): void;
  onOnionKeys(): void;
  /** What the descriptor says or is signed with has changed. */
  onDescriptor(): void;
}

/** However far the next change is, the keys are looked at again after so long: clocks jump. */
const MAX_WAIT_MS = 600_000;
const MIN_WAIT_MS = 1000;

/** Renews a relay's keys when it is time, and says what changed. */
export class KeyRotation {
  readonly #init: KeyRotationInit;
  #timer: ClockTimer | undefined;
  #isStopped = false;

  constructor(init: KeyRotationInit) {
    this.#init = init;
  }

  start(): void {
    const { identity, onionKeys, clock } = this.#init;
    const next = Math.min(identity.nextRenewal.getTime(), onionKeys.nextChange.getTime());
    const wait = Math.min(Math.max(next - clock.date().getTime(), MIN_WAIT_MS), MAX_WAIT_MS);
    this.#timer = clock.setTimeout(() => void this.#turn(), wait);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #turn(): Promise<void> {
    try {
      await this.#renew();
    } catch (error) {
      this.#init.logger.error(`keys: ${messageOf(error)}`);
    }
    if (!this.#isStopped) this.start();
  }

  async #renew(): Promise<void> {
    const { identity, onionKeys } = this.#init;
    const { tls, signing } = await identity.renew();
    const onion = await onionKeys.update();
    if (this.#isStopped) return;
    if (tls) this.#init.onTls();
    if (onion !== 'unchanged') this.#init.onOnionKeys();
    if (signing || onion === 'rotated') this.#init.onDescriptor();
  }
}
