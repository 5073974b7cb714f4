import type { Clock, ClockTimer } from '../../util/clock.js';
import { messageOf } from '../../util/errors.js';
import type { Logger } from '../../util/logger.js';
import type { DirectoryAuthority, DirectoryClient } from './directory-client.js';

/** A descriptor as it is uploaded, with the digest by which a consensus names it. */
export interface PublishedDescriptor {
  /** Server descriptor and extra-info document, one after the other. */
  readonly document: string;
  readonly published: Date;
  /** SHA-1 of the server descriptor, 40 upper-case hexadecimal digits. */
  readonly digest: string;
}

export interface PublisherInit {
  readonly authorities: readonly DirectoryAuthority[];
  readonly client: DirectoryClient;
  makeDescriptor(): PublishedDescriptor;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Waits after a failed upload: the first one, doubled up to the longest. */
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
}

/** Descriptors are made anew at least so often; authorities forget them after a day. */
const REFRESH_MS = 18 * 3_600_000;
/** Changes that come together are published together. */
const GATHER_MS = 1000;

interface Upload {
  isDone: boolean;
  retryMs: number;
  timer: ClockTimer | undefined;
}

/**
 * Makes descriptors and uploads them to every authority: at the start, when `changed()` says so, and every 18 hours. An
 * authority that cannot be reached or refuses is asked again with growing waits. Whether a descriptor was taken is seen
 * in the consensus only (ConsensusWatch).
 */
export class Publisher {
  readonly #init: PublisherInit;
  readonly #abort = new AbortController();
  readonly #uploads = new Map<DirectoryAuthority, Upload>();
  #current: PublishedDescriptor | undefined;
  #timer: ClockTimer | undefined;

  constructor(init: PublisherInit) {
    this.#init = init;
  }

  /** The descriptor published last. */
  get current(): PublishedDescriptor | undefined {
    return this.#current;
  }

  /** How many authorities accepted the upload of the current descriptor. */
  get acceptedBy(): number {
    return [...this.#uploads.values()].filter((upload) => upload.isDone).length;
  }

  /** What the descriptor says has changed: publishes within a second. */
  changed(): void {
    this.#arm(GATHER_MS);
  }

  /** Makes a descriptor and uploads it now. */
  publish(): void {
    if (this.#abort.signal.aborted) return;
    const descriptor = this.#init.makeDescriptor();
    this.#current = descriptor;
    this.#arm(REFRESH_MS);
    for (const authority of this.#init.authorities) {
      this.#uploads.get(authority)?.timer?.cancel();
      const upload: Upload = { isDone: false, retryMs: this.#init.retryMs ?? 60_000, timer: undefined };
      this.#uploads.set(authority, upload);
      void this.#upload(authority, upload, descriptor);
    }
  }

  stop(): void {
    this.#abort.abort();
    this.#timer?.cancel();
    for (const upload of this.#uploads.values()) upload.timer?.cancel();
  }

  #arm(ms: number): void {
    this.#timer?.cancel();
    if (!this.#abort.signal.aborted) this.#timer = this.#init.clock.setTimeout(() => this.publish(), ms);
  }

  async #upload(
    authority: DirectoryAuthority,
    upload: Upload,
    descriptor: PublishedDescriptor,
  ): Promise<void> {
    const { client, logger, clock, maxRetryMs } = this.#init;
    try {
      const answer = await client.post(authority, descriptor.document, this.#abort.signal);
      if (answer.status === 200) {
        upload.isDone = true;
        return logger.debug(`directory: ${authority.nickname} received our descriptor`);
      }
      logger.warn(
        `directory: ${authority.nickname} refused our descriptor: ${answer.status} ${answer.reason}`,
      );
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      logger.info(`directory: cannot upload our descriptor: ${messageOf(error)}`);
    }
    if (this.#current !== descriptor || this.#abort.signal.aborted) return;
    upload.timer = clock.setTimeout(() => void this.#upload(authority, upload, descriptor), upload.retryMs);
    upload.retryMs = Math.min(upload.retryMs * 2, maxRetryMs ?? 3_600_000);
  }
}
