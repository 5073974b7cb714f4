import { messageOf } from '../../util/errors.js';
import { readConsensusEntries } from './consensus-entries.js';
import type { ConsensusEntries, ConsensusEntry } from './consensus-entries.js';
import { directoryGet } from './directory-get.js';
import { HOST } from './test-node.js';
import type { TestNode } from './test-node.js';

/** What is asked of a relay: to be in the consensus with all these flags. */
export interface RelayWish {
  readonly fingerprint: string;
  readonly flags: readonly string[];
}

/** The newest consensus that any of the authorities gives out; undefined while there is none. */
export async function currentConsensus(
  authorities: readonly TestNode[],
): Promise<ConsensusEntries | undefined> {
  const found = await Promise.all(
    authorities.map(async ({ dirPort }) => {
      const path = '/tor/status-vote/current/consensus';
      const answer = await directoryGet(HOST, dirPort, path).catch(() => undefined);
      return answer === undefined ? undefined : readConsensusEntries(answer.text);
    }),
  );
  return found
    .filter((consensus) => consensus !== undefined)
    .toSorted((a, b) => (a.validAfter < b.validAfter ? 1 : -1))[0];
}

/** The entry that fulfils the wish, if the consensus has it. */
export function findRelay(
  consensus: ConsensusEntries | undefined,
  wish: RelayWish,
): ConsensusEntry | undefined {
  const entry = consensus?.relays.find(({ fingerprint }) => fingerprint === wish.fingerprint);
  return wish.flags.every((flag) => entry?.flags.includes(flag)) ? entry : undefined;
}

/** Why a wish is still open, for the error: no descriptor, no entry, or which flags are missing. */
export async function explainMissing(authorities: readonly TestNode[], wish: RelayWish): Promise<string> {
  const consensus = await currentConsensus(authorities);
  if (consensus === undefined) return 'there is no consensus';
  const entry = consensus.relays.find(({ fingerprint }) => fingerprint === wish.fingerprint);
  if (entry !== undefined) {
    if (wish.flags.length === 0) return `the consensus of ${consensus.validAfter} lists it`;
    const missing = wish.flags.filter((flag) => !entry.flags.includes(flag));
    return `${entry.nickname} lacks ${missing.join(' ')} (it has ${entry.flags.join(' ')})`;
  }
  const holders = await Promise.all(
    authorities.map(async ({ name, dirPort }) => {
      const path = `/tor/server/fp/${wish.fingerprint}`;
      const answer = await directoryGet(HOST, dirPort, path).catch((error: unknown) => messageOf(error));
      if (typeof answer === 'string') return `${name}: ${answer}`;
      return answer.status === 200 ? `${name} has its descriptor` : `${name} has no descriptor of it`;
    }),
  );
  return `the consensus of ${consensus.validAfter} does not list it; ${holders.join(', ')}`;
}
