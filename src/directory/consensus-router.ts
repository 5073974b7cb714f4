import { isIPv4 } from 'node:net';
import { parseAddressPort } from './address-port.js';
import type { AddressPort } from './address-port.js';
import { documentError } from './document-error.js';
import type { DocumentItem } from './items.js';
import { parsePortSummary } from './port-summary.js';
import type { PortSummary } from './port-summary.js';
import { Protocols } from './protocols.js';
import { fromBase64, parseDecimal, parseTime, toHex } from './text-codec.js';

/** One relay's entry in a consensus (dir-spec 3.4.1, "Router status entries"). */
export interface ConsensusRouter {
  readonly nickname: string;
  /** 40 upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** SHA-1 of its server descriptor; only in the ns flavour. */
  readonly descriptorDigest: Uint8Array | undefined;
  /** SHA-256 of its microdescriptor, base64 without padding; only in the microdesc flavour. */
  readonly microdescriptorDigest: string | undefined;
  /** Not to be relied on: newer consensuses give every relay the same time. */
  readonly published: Date;
  readonly address: string;
  readonly orPort: number;
  readonly dirPort: number;
  readonly orAddresses: readonly AddressPort[];
  readonly flags: ReadonlySet<string>;
  /** Such as `Tor 0.4.9.11`. */
  readonly version: string | undefined;
  readonly protocols: Protocols;
  /** Kilobytes a second: a weight, not a measurement. */
  readonly bandwidth: number | undefined;
  readonly isUnmeasured: boolean;
  /** Only in the ns flavour. */
  readonly policy: PortSummary | undefined;
}

export type ConsensusFlavour = 'ns' | 'microdesc';

/** Reads the items of one entry, of which the first is its `r` line. */
export function parseConsensusRouter(
  items: readonly DocumentItem[],
  flavour: ConsensusFlavour,
): ConsensusRouter {
  const [first] = items;
  const fail = (problem: string): Error => documentError('consensus', `line ${first?.line ?? 0}: ${problem}`);
  const args = first?.args ?? [];
  // The microdesc flavour has no digest of a descriptor in its r line.
  const [nickname = '', identity = '', digest = '', ...rest] =
    flavour === 'ns' ? args : [args[0] ?? '', args[1] ?? '', '', ...args.slice(2)];
  const [date = '', clock = '', address = '', orPortText = '', dirPortText = ''] = rest;
  const fingerprint = fromBase64(identity, 20);
  const descriptorDigest = flavour === 'ns' ? fromBase64(digest, 20) : undefined;
  const published = parseTime(`${date} ${clock}`);
  const orPort = parseDecimal(orPortText, 0, 65535);
  const dirPort = parseDecimal(dirPortText, 0, 65535);
  if (!/^[A-Za-z0-9]{1,19}$/.test(nickname)) throw fail('malformed nickname');
  if (fingerprint === undefined) throw fail('malformed identity');
  if (flavour === 'ns' && descriptorDigest === undefined) throw fail('malformed descriptor digest');
  if (published === undefined) throw fail('malformed time');
  if (!isIPv4(address) || orPort === undefined || dirPort === undefined)
    throw fail('malformed address or port');
  return {
    nickname,
    fingerprint: toHex(fingerprint),
    descriptorDigest,
    published,
    address,
    orPort,
    dirPort,
    ...parseRest(items, flavour, fail),
  };
}

type Rest = Pick<
  ConsensusRouter,
  | 'orAddresses'
  | 'flags'
  | 'version'
  | 'protocols'
  | 'bandwidth'
  | 'isUnmeasured'
  | 'policy'
  | 'microdescriptorDigest'
>;

function parseRest(
  items: readonly DocumentItem[],
  flavour: ConsensusFlavour,
  fail: (problem: string) => Error,
): Rest {
  const find = (keyword: string): DocumentItem | undefined => items.find((item) => item.keyword === keyword);
  const flags = find('s');
  if (flags === undefined) throw fail('no "s" line');
  const weights = find('w')?.args ?? [];
  const bandwidthText = weights.find((argument) => argument.startsWith('Bandwidth='))?.slice(10);
  const bandwidth = bandwidthText === undefined ? undefined : parseDecimal(bandwidthText, 0, 2 ** 32 - 1);
  if (bandwidthText !== undefined && bandwidth === undefined) throw fail('malformed bandwidth');
  const protocolText = find('pr')?.text;
  const protocols = protocolText === undefined ? Protocols.NONE : Protocols.tryParse(protocolText);
  if (protocols === undefined) throw fail('malformed protocol list');
  const microdescriptor = flavour === 'microdesc' ? find('m')?.args[0] : undefined;
  if (microdescriptor !== undefined && fromBase64(microdescriptor, 32) === undefined) {
    throw fail('malformed microdescriptor digest');
  }
  return {
    orAddresses: items.flatMap((item) =>
      item.keyword === 'a' ? (parseAddressPort(item.args[0] ?? '') ?? []) : [],
    ),
    flags: new Set(flags.args),
    version: find('v')?.text,
    protocols,
    bandwidth,
    isUnmeasured: weights.includes('Unmeasured=1'),
    policy: parsePortSummary(find('p')?.text ?? ''),
    microdescriptorDigest: microdescriptor?.replace(/=+$/, ''),
  };
}
