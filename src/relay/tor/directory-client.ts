import type { Clock } from '../../util/clock.js';
import { KistError, messageOf } from '../../util/errors.js';

/** A directory authority as a `DirAuthority` line of torrc names it. */
export interface DirectoryAuthority {
  readonly nickname: string;
  readonly host: string;
  readonly dirPort: number;
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** Identity of its voting key, if it votes. */
  readonly v3Identity?: string;
  readonly orPort?: number;
}

const TIMEOUT_MS = 20_000;
/** Consensuses of the live network have about 3 MB. */
const MAX_BODY_BYTES = 32 << 20;

/** What an authority answered. */
export interface DirectoryAnswer {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
}

/** Asks directory authorities over HTTP (dir-spec 6.1): uncompressed, bounded in time and size. */
export class DirectoryClient {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A document by its path, such as `/tor/status-vote/current/consensus`. */
  get(authority: DirectoryAuthority, path: string, signal?: AbortSignal): Promise<DirectoryAnswer> {
    return this.#ask(authority, path, { method: 'GET' }, signal);
  }

  /** Uploads a descriptor with its extra-info document. Status 200 says that it came, not that it was taken. */
  post(authority: DirectoryAuthority, document: string, signal?: AbortSignal): Promise<DirectoryAnswer> {
    return this.#ask(authority, '/tor/', { method: 'POST', body: document }, signal);
  }

  async #ask(
    authority: DirectoryAuthority,
    path: string,
    init: RequestInit,
    signal: AbortSignal | undefined,
  ): Promise<DirectoryAnswer> {
    const host = authority.host.includes(':') ? `[${authority.host}]` : authority.host;
    const url = `http://${host}:${authority.dirPort}${path}`;
    const deadline = new AbortController();
    const late = new Error(`no answer within ${TIMEOUT_MS} ms`);
    const timer = this.#clock.setTimeout(() => deadline.abort(late), TIMEOUT_MS);
    const both = signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]);
    try {
      const headers = { 'accept-encoding': 'identity' };
      const response = await fetch(url, { ...init, headers, signal: both, redirect: 'error' });
      return { status: response.status, reason: response.statusText, body: await boundedText(response) };
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      const message = `${authority.nickname} (${url}): ${messageOf(cause)}`;
      throw new KistError('ERR_KIST_DIRECTORY', message, 'peer', error);
    } finally {
      timer.cancel();
    }
  }
}

async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error(`an answer of more than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('latin1');
}
