import { KistError, codeOf, messageOf } from '../util/errors.js';
import { demoBytes, sha256 } from './demo-site.js';
import type { DemoResource } from './demo-site.js';
import { fetchThroughProxy } from './proxy-fetch.js';
import type { ProxyAddress } from './proxy-fetch.js';

/** DATA cells that one relay carried so far, away from and toward the origin. */
export interface HopCount {
  readonly name: string;
  readonly awayFromOrigin: number;
  readonly towardOrigin: number;
}

/** What the smoke test needs to know of the network it tries. */
export interface SmokeSubject {
  readonly proxy: ProxyAddress;
  /** Where the pages are. */
  readonly site: { readonly origin: string; readonly resources: readonly DemoResource[] };
  /** The circuit's relays in order, with their counts. */
  hops(): readonly HopCount[];
}

export interface SmokeReport {
  /** Hops with the DATA cells that the test's bytes took. */
  readonly hops: readonly HopCount[];
  readonly resources: number;
  readonly bytesDown: number;
  readonly bytesUp: number;
}

const TRANSFER_BYTES = 5_000_000;
/** The most bytes one Tor61 DATA cell carries. */
const CELL_BYTES = 498;
const HOPS = 3;

function smokeError(message: string): KistError {
  return new KistError('ERR_KIST_SMOKE', message, 'bug');
}

function checkBody(what: string, expected: { size: number; sha256: string }, got: typeof expected): void {
  if (got.size === expected.size && got.sha256 === expected.sha256) return;
  const length = got.size === expected.size ? '' : ` (${got.size} bytes instead of ${expected.size})`;
  throw smokeError(`${what} came back with other bytes than were sent${length}`);
}

async function fetchPage({ proxy, site }: SmokeSubject, signal: AbortSignal): Promise<number> {
  const sizes = await Promise.all(
    site.resources.map(async ({ path, body, sha256: hash }) => {
      const url = site.origin + path;
      checkBody(url, { size: body.length, sha256: hash }, await fetchThroughProxy(proxy, url, { signal }));
      return body.length;
    }),
  );
  return sizes.reduce((total, size) => total + size, 0);
}

async function transfer({ proxy, site }: SmokeSubject, signal: AbortSignal): Promise<void> {
  const body = demoBytes(TRANSFER_BYTES);
  const expected = { size: body.length, sha256: sha256(body) };
  const down = `${site.origin}/download/${TRANSFER_BYTES}`;
  checkBody('the download', expected, await fetchThroughProxy(proxy, down, { signal }));
  const { text } = await fetchThroughProxy(proxy, `${site.origin}/upload`, { body, signal });
  checkBody('the upload', expected, JSON.parse(text) as { size: number; sha256: string });
}

/** What each hop carried in between. Throws unless it is the same circuit of three relays, each with enough cells. */
function checkHops(
  before: readonly HopCount[],
  after: readonly HopCount[],
  bytes: { up: number; down: number },
): HopCount[] {
  const path = (hops: readonly HopCount[]): string => hops.map(({ name }) => name).join(' -> ');
  if (after.length !== HOPS) throw smokeError(`the circuit has ${after.length} hops instead of ${HOPS}`);
  if (path(before) !== path(after)) throw smokeError(`the circuit changed to ${path(after)} during the test`);
  return after.map((hop, i) => {
    const awayFromOrigin = hop.awayFromOrigin - (before[i]?.awayFromOrigin ?? 0);
    const towardOrigin = hop.towardOrigin - (before[i]?.towardOrigin ?? 0);
    const isEnough = awayFromOrigin * CELL_BYTES >= bytes.up && towardOrigin * CELL_BYTES >= bytes.down;
    if (isEnough) return { name: hop.name, awayFromOrigin, towardOrigin };
    const counts = `${awayFromOrigin} DATA cells away from and ${towardOrigin} toward the origin`;
    throw smokeError(`${hop.name} carried only ${counts}`);
  });
}

async function trySubject(subject: SmokeSubject, signal: AbortSignal): Promise<SmokeReport> {
  const before = subject.hops();
  const pageBytes = await fetchPage(subject, signal);
  await transfer(subject, signal);
  const bytes = { up: TRANSFER_BYTES, down: pageBytes + TRANSFER_BYTES };
  const hops = checkHops(before, subject.hops(), bytes);
  return { hops, resources: subject.site.resources.length, bytesDown: bytes.down, bytesUp: bytes.up };
}

/**
 * Fetches a page with its resources, 5 MB down and 5 MB up through the proxy, checks every byte by SHA-256 and that
 * each of the circuit's three relays carried the DATA cells. Rejects with `ERR_KIST_SMOKE`, or with the signal's reason.
 */
export async function runSmoke(subject: SmokeSubject, signal: AbortSignal): Promise<SmokeReport> {
  try {
    return await trySubject(subject, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (codeOf(error) === 'ERR_KIST_SMOKE') throw error;
    throw new KistError(
      'ERR_KIST_SMOKE',
      `a fetch through the proxy failed: ${messageOf(error)}`,
      'bug',
      error,
    );
  }
}
