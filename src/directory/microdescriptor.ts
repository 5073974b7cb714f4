import { createHash } from 'node:crypto';
import { parseAddressPort } from './address-port.js';
import type { AddressPort } from './address-port.js';
import { ItemIndex } from './item-rules.js';
import type { ItemRules } from './item-rules.js';
import { splitDocuments, tokenize } from './items.js';
import { parsePortSummary } from './port-summary.js';
import type { PortSummary } from './port-summary.js';
import { fromBase64, toBase64 } from './text-codec.js';

/** What a client needs of a relay beside the consensus (dir-spec 3.3). Unsigned: its digest in a consensus vouches. */
export interface Microdescriptor {
  readonly ntorKey: Uint8Array;
  /** DER; some relays publish none. */
  readonly tapKeyDer: Uint8Array | undefined;
  /** Ed25519 master identity, 32 bytes; undefined when the relay has none. */
  readonly ed25519Identity: Uint8Array | undefined;
  readonly orAddresses: readonly AddressPort[];
  readonly family: readonly string[];
  readonly familyIds: readonly string[];
  readonly policy: PortSummary | undefined;
  readonly ipv6Policy: PortSummary | undefined;
  /** SHA-256 in base64 without padding, as the consensus names it. */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

const MAX_BYTES = 128 * 1024;

const RULES: ItemRules = {
  'ntor-onion-key': { count: 'once', args: 1 },
  family: { count: 'optional' },
  'family-ids': { count: 'optional' },
  p: { count: 'optional' },
  p6: { count: 'optional' },
  a: { count: 'any', args: 1 },
  id: { count: 'any', args: 2 },
};

/** Reads one microdescriptor. Throws `ERR_KIST_DOCUMENT`. */
export function parseMicrodescriptor(bytes: Uint8Array): Microdescriptor {
  const document = tokenize('microdescriptor', bytes, { maxBytes: MAX_BYTES });
  const index = new ItemIndex('microdescriptor', document, RULES);
  const [first] = document.items;
  if (first?.keyword !== 'onion-key') throw index.error('it does not begin with an "onion-key" line');
  const ntorKey = fromBase64(index.one('ntor-onion-key').args[0] ?? '', 32);
  if (ntorKey === undefined) throw index.error('malformed key in the "ntor-onion-key" line');
  const id = index.all('id').find((item) => item.args[0] === 'ed25519');
  const ed25519Identity = id === undefined ? undefined : fromBase64(id.args[1] ?? '', 32);
  if (id !== undefined && ed25519Identity === undefined) throw index.error('malformed key in the "id" line');
  return {
    ntorKey,
    tapKeyDer: first.object?.bytes,
    ed25519Identity,
    orAddresses: index.all('a').flatMap((item) => parseAddressPort(item.args[0] ?? '') ?? []),
    family: index.optional('family')?.args ?? [],
    familyIds: index.optional('family-ids')?.args ?? [],
    policy: parsePortSummary(index.optional('p')?.text ?? ''),
    ipv6Policy: parsePortSummary(index.optional('p6')?.text ?? ''),
    digest: toBase64(new Uint8Array(createHash('sha256').update(bytes).digest())),
    bytes,
  };
}

/**
 * Reads a concatenation of microdescriptors, such as a directory cache's answer. Malformed ones are left out and told
 * of. Annotation lines (`@...`) in front of one are no part of it.
 */
export function parseMicrodescriptors(bytes: Uint8Array): {
  microdescriptors: readonly Microdescriptor[];
  errors: readonly Error[];
} {
  const microdescriptors: Microdescriptor[] = [];
  const errors: Error[] = [];
  for (const part of splitDocuments(bytes, 'onion-key')) {
    try {
      microdescriptors.push(parseMicrodescriptor(withoutAnnotations(part)));
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return { microdescriptors, errors };
}

/** What comes before an annotation line of the next one. */
function withoutAnnotations(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const end = text.search(/^@/m);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
