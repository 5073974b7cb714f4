import { createHash } from 'node:crypto';
import { parseConsensusRouter } from './consensus-router.js';
import type { ConsensusFlavour, ConsensusRouter } from './consensus-router.js';
import { ItemIndex } from './item-rules.js';
import type { ItemRules } from './item-rules.js';
import { tokenize } from './items.js';
import type { DocumentItem } from './items.js';
import { Protocols } from './protocols.js';
import { fromBase64, fromHex, parseDecimal, parseTime, toHex } from './text-codec.js';

/** The live network's consensus is a few megabytes; this leaves room to grow (bytes). */
export const MAX_CONSENSUS_BYTES = 16 * 1024 * 1024;

export interface ConsensusAuthority {
  readonly nickname: string;
  /** Its v3ident: 40 upper-case hexadecimal digits. */
  readonly identity: string;
  readonly hostname: string;
  readonly address: string;
  readonly dirPort: number;
  readonly orPort: number;
  readonly contact: string | undefined;
  /** SHA-1 of its vote, upper-case hexadecimal. */
  readonly voteDigest: string | undefined;
}

export interface ConsensusSignature {
  readonly algorithm: string;
  readonly identity: string;
  readonly signingKeyDigest: string;
  readonly signature: Uint8Array;
}

export interface SharedRandom {
  /** How many authorities revealed. */
  readonly reveals: number;
  readonly value: Uint8Array;
}

/** A consensus as read (dir-spec 3.4.1). Signatures are checked by `verifyConsensus`. */
export interface Consensus {
  readonly flavour: ConsensusFlavour;
  readonly method: number;
  readonly validAfter: Date;
  readonly freshUntil: Date;
  readonly validUntil: Date;
  readonly voteSeconds: number;
  readonly distSeconds: number;
  readonly clientVersions: readonly string[];
  readonly serverVersions: readonly string[];
  readonly knownFlags: readonly string[];
  readonly protocols: ConsensusProtocols;
  readonly params: ReadonlyMap<string, number>;
  readonly previousSharedRandom: SharedRandom | undefined;
  readonly currentSharedRandom: SharedRandom | undefined;
  readonly authorities: readonly ConsensusAuthority[];
  readonly routers: readonly ConsensusRouter[];
  readonly bandwidthWeights: ReadonlyMap<string, number>;
  readonly signatures: readonly ConsensusSignature[];
  /** The bytes that are signed: through the space after the first `directory-signature`. */
  readonly signedBytes: Uint8Array;
  readonly bytes: Uint8Array;
}

/** What relays and clients should and must speak. */
export interface ConsensusProtocols {
  readonly recommendedRelay: Protocols;
  readonly requiredRelay: Protocols;
  readonly recommendedClient: Protocols;
  readonly requiredClient: Protocols;
}

const PREAMBLE: ItemRules = {
  'network-status-version': { count: 'once', args: 1 },
  'vote-status': { count: 'once', args: 1 },
  'consensus-method': { count: 'optional', args: 1 },
  'valid-after': { count: 'once', args: 2 },
  'fresh-until': { count: 'once', args: 2 },
  'valid-until': { count: 'once', args: 2 },
  'voting-delay': { count: 'once', args: 2 },
  'client-versions': { count: 'optional' },
  'server-versions': { count: 'optional' },
  'known-flags': { count: 'once' },
  params: { count: 'optional' },
  'dir-source': { count: 'many', args: 6 },
  'shared-rand-previous-value': { count: 'optional', args: 2 },
  'shared-rand-current-value': { count: 'optional', args: 2 },
  'recommended-client-protocols': { count: 'optional' },
  'recommended-relay-protocols': { count: 'optional' },
  'required-client-protocols': { count: 'optional' },
  'required-relay-protocols': { count: 'optional' },
};
const FOOTER: ItemRules = {
  'bandwidth-weights': { count: 'optional' },
  'directory-signature': { count: 'many', args: 2, object: 'SIGNATURE' },
};

/** Reads a consensus of the ns or the microdesc flavour. Throws `ERR_KIST_DOCUMENT`. */
export function parseConsensus(bytes: Uint8Array): Consensus {
  const document = tokenize('consensus', bytes, { maxBytes: MAX_CONSENSUS_BYTES });
  const { items } = document;
  const bodyStart = positionOf(items, (keyword) => keyword === 'r' || isFooter(keyword), items.length);
  const footerStart = positionOf(items, isFooter, items.length, bodyStart);
  const preamble = new ItemIndex('consensus', document, PREAMBLE, items.slice(0, bodyStart));
  const footer = new ItemIndex('consensus', document, FOOTER, items.slice(footerStart));
  const flavour = readFlavour(preamble, items[0]);
  const firstSignature = footer.one('directory-signature');
  const signedEnd = firstSignature.start + 'directory-signature '.length;
  if (!document.text.startsWith('directory-signature ', firstSignature.start)) {
    throw footer.error('malformed "directory-signature" line');
  }
  return {
    flavour,
    method: parseDecimal(preamble.optional('consensus-method')?.args[0] ?? '1', 1, 10_000) ?? 1,
    ...readTimes(preamble),
    clientVersions: readVersions(preamble, 'client-versions'),
    serverVersions: readVersions(preamble, 'server-versions'),
    knownFlags: preamble.one('known-flags').args,
    protocols: {
      recommendedRelay: readProtocols(preamble, 'recommended-relay-protocols'),
      requiredRelay: readProtocols(preamble, 'required-relay-protocols'),
      recommendedClient: readProtocols(preamble, 'recommended-client-protocols'),
      requiredClient: readProtocols(preamble, 'required-client-protocols'),
    },
    params: readNumbers(preamble, 'params'),
    previousSharedRandom: readSharedRandom(preamble, 'shared-rand-previous-value'),
    currentSharedRandom: readSharedRandom(preamble, 'shared-rand-current-value'),
    authorities: readAuthorities(preamble, items.slice(0, bodyStart)),
    routers: readRouters(items.slice(bodyStart, footerStart), flavour, preamble),
    bandwidthWeights: readNumbers(footer, 'bandwidth-weights'),
    signatures: footer.all('directory-signature').map((item) => readSignature(footer, item)),
    signedBytes: bytes.subarray(items[0]?.start ?? 0, signedEnd),
    bytes,
  };
}

/** The digest that signatures of an algorithm are over; undefined for an unknown algorithm. */
export function signedDigest(signedBytes: Uint8Array, algorithm: string): Uint8Array | undefined {
  if (algorithm !== 'sha1' && algorithm !== 'sha256') return undefined;
  return new Uint8Array(createHash(algorithm).update(signedBytes).digest());
}

function isFooter(keyword: string): boolean {
  return keyword === 'directory-footer' || keyword === 'directory-signature';
}

function positionOf(
  items: readonly DocumentItem[],
  isIt: (keyword: string) => boolean,
  otherwise: number,
  from = 0,
): number {
  for (let index = from; index < items.length; index += 1)
    if (isIt(items[index]?.keyword ?? '')) return index;
  return otherwise;
}

function readFlavour(index: ItemIndex, first: DocumentItem | undefined): ConsensusFlavour {
  const item = index.one('network-status-version');
  const [version, flavour = 'ns'] = item.args;
  if (item !== first || version !== '3') throw index.error('it is not a network status of version 3');
  if (index.one('vote-status').args[0] !== 'consensus') throw index.error('it is not a consensus');
  if (flavour !== 'ns' && flavour !== 'microdesc') throw index.error(`unknown flavour "${flavour}"`);
  return flavour;
}

function readTimes(index: ItemIndex) {
  const [validAfter, freshUntil, validUntil] = ['valid-after', 'fresh-until', 'valid-until'].map((keyword) =>
    parseTime(index.one(keyword).args.slice(0, 2).join(' ')),
  );
  const [voteSeconds, distSeconds] = index.one('voting-delay').args.map((text) => parseDecimal(text, 0, 1e9));
  if (validAfter === undefined || freshUntil === undefined || validUntil === undefined) {
    throw index.error('malformed time');
  }
  if (!(validAfter < freshUntil && freshUntil < validUntil)) throw index.error('times out of order');
  if (voteSeconds === undefined || distSeconds === undefined)
    throw index.error('malformed "voting-delay" line');
  return { validAfter, freshUntil, validUntil, voteSeconds, distSeconds };
}

function readVersions(index: ItemIndex, keyword: string): string[] {
  return (index.optional(keyword)?.args[0] ?? '').split(',').filter((version) => version !== '');
}

/** A list that cannot be read is refused: what is required must not be passed over. */
function readProtocols(index: ItemIndex, keyword: string): Protocols {
  const protocols = Protocols.tryParse(index.optional(keyword)?.text ?? '');
  if (protocols === undefined) throw index.error(`malformed "${keyword}" line`);
  return protocols;
}

function readNumbers(index: ItemIndex, keyword: string): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const argument of index.optional(keyword)?.args ?? []) {
    const match = /^([^=]+)=(-?\d{1,10})$/.exec(argument);
    const value = Number(match?.[2] ?? Number.NaN);
    if (match?.[1] === undefined || !(value >= -(2 ** 31) && value < 2 ** 31)) {
      throw index.error(`malformed entry "${argument}" in the "${keyword}" line`);
    }
    numbers.set(match[1], value);
  }
  return numbers;
}

function readSharedRandom(index: ItemIndex, keyword: string): SharedRandom | undefined {
  const [count = '', text = ''] = index.optional(keyword)?.args ?? [];
  const reveals = parseDecimal(count, 0, 1e6);
  const value = fromBase64(text, 32);
  return reveals === undefined || value === undefined ? undefined : { reveals, value };
}

function readAuthorities(index: ItemIndex, items: readonly DocumentItem[]): ConsensusAuthority[] {
  const authorities: ConsensusAuthority[] = [];
  for (const item of items) {
    const { keyword } = item;
    const last = authorities.at(-1);
    if (keyword === 'dir-source') authorities.push(readAuthority(index, item));
    else if (keyword !== 'contact' && keyword !== 'vote-digest') continue;
    else if (last === undefined) throw index.error(`a "${keyword}" line before any "dir-source" line`);
    else if (keyword === 'contact') authorities.splice(-1, 1, { ...last, contact: item.utf8 });
    else authorities.splice(-1, 1, { ...last, voteDigest: item.args[0]?.toUpperCase() });
  }
  return authorities;
}

function readAuthority(index: ItemIndex, item: DocumentItem): ConsensusAuthority {
  const [nickname = '', identityText = '', hostname = '', address = '', dirPortText = '', orPortText = ''] =
    item.args;
  const identity = fromHex(identityText, 20);
  const dirPort = parseDecimal(dirPortText, 0, 65535);
  const orPort = parseDecimal(orPortText, 0, 65535);
  if (identity === undefined || dirPort === undefined || orPort === undefined) {
    throw index.error('malformed "dir-source" line');
  }
  return {
    nickname,
    identity: toHex(identity),
    hostname,
    address,
    dirPort,
    orPort,
    contact: undefined,
    voteDigest: undefined,
  };
}

function readRouters(
  items: readonly DocumentItem[],
  flavour: ConsensusFlavour,
  index: ItemIndex,
): ConsensusRouter[] {
  const routers: ConsensusRouter[] = [];
  for (let start = 0; start < items.length;) {
    const end = positionOf(items, (keyword) => keyword === 'r', items.length, start + 1);
    const router = parseConsensusRouter(items.slice(start, end), flavour);
    if ((routers.at(-1)?.fingerprint ?? '') >= router.fingerprint) {
      throw index.error(`line ${items[start]?.line ?? 0}: relays are not in the order of their identities`);
    }
    routers.push(router);
    start = end;
  }
  return routers;
}

function readSignature(index: ItemIndex, item: DocumentItem): ConsensusSignature {
  const { args } = item;
  const [algorithm = '', identityText = '', digestText = ''] = args.length === 2 ? ['sha1', ...args] : args;
  const identity = fromHex(identityText, 20);
  const digest = fromHex(digestText, 20);
  if (identity === undefined || digest === undefined)
    throw index.error('malformed "directory-signature" line');
  return {
    algorithm,
    identity: toHex(identity),
    signingKeyDigest: toHex(digest),
    signature: item.object?.bytes ?? new Uint8Array(),
  };
}
