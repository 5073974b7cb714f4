import { parseDecimal } from './text-codec.js';
import { PRIVATE_NETWORKS } from './policy-rule.js';
import type { PolicyRule } from './policy-rule.js';
import { sharesPrefix } from './ip-address.js';

/**
 * Summaries of exit policies by port (dir-spec 3.8.2): the `p` lines of consensuses and microdescriptors, and the
 * `ipv6-policy` line of descriptors, such as `accept 80,443,6660-6669`. Authorities must come to the same text.
 */
export interface PortSummary {
  /** What happens to the listed ports; the opposite happens to all others. */
  readonly accept: boolean;
  readonly ranges: readonly { readonly min: number; readonly max: number }[];
}

/** Longest summary written, keyword included. */
const MAX_SUMMARY_LENGTH = 1000;

/** Reads a summary. Entries that do not begin with a digit are passed over. Undefined: malformed or empty. */
export function parsePortSummary(text: string): PortSummary | undefined {
  const match = /^(accept|reject) (.*)$/.exec(text);
  const list = match?.[2];
  if (match === null || list === undefined || list.length > 65536) return undefined;
  const ranges: { min: number; max: number }[] = [];
  for (const entry of list.split(',')) {
    if (!/^\d/.test(entry)) continue;
    const [low = '', high, ...more] = entry.split('-');
    const min = parseDecimal(low, 1, 65535);
    const max = high === undefined ? min : parseDecimal(high, min ?? 1, 65535);
    if (min === undefined || max === undefined || more.length > 0) return undefined;
    ranges.push({ min, max });
    if (ranges.length > MAX_SUMMARY_LENGTH) return undefined;
  }
  return ranges.length === 0 ? undefined : { accept: match[1] === 'accept', ranges };
}

export function formatPortSummary(summary: PortSummary): string {
  const ranges = summary.ranges.map(({ min, max }) => (min === max ? `${min}` : `${min}-${max}`));
  return `${summary.accept ? 'accept' : 'reject'} ${ranges.join(',')}`;
}

/** Whether a relay with this summary probably lets streams to the port out. */
export function summaryAccepts(summary: PortSummary, port: number): boolean {
  return summary.ranges.some(({ min, max }) => port >= min && port <= max) === summary.accept;
}

/** Whether no port is accepted. */
export function summaryRejectsAll(summary: PortSummary): boolean {
  return !summary.accept && summary.ranges.some(({ min, max }) => min === 1 && max === 65535);
}

/** Rejected addresses up to this many do not close a port: two /8 of IPv4, one /16 of IPv6 (counted in /64). */
const TOLERATED = { 4: 2 ** 25, 6: 2 ** 48 } as const;

interface Span {
  readonly min: number;
  max: number;
  rejected: number;
  accepted: boolean;
}

/** The summary text of the rules of one family. */
export function summarizePolicy(rules: readonly PolicyRule[], family: 4 | 6): string {
  const spans: Span[] = [{ min: 1, max: 65535, rejected: 0, accepted: false }];
  for (const rule of rules) {
    if (rule.address.family === family) addRule(spans, rule, family);
  }
  const accepted = mergedRanges(spans, true);
  const rejected = mergedRanges(spans, false);
  if (accepted.length === 0) return 'reject 1-65535';
  if (rejected.length === 0) return 'accept 1-65535';
  const accepts = formatPortSummary({ accept: true, ranges: accepted });
  const rejects = formatPortSummary({ accept: false, ranges: rejected });
  if (accepts.length > MAX_SUMMARY_LENGTH && rejects.length > MAX_SUMMARY_LENGTH) {
    return accepts.slice(0, accepts.lastIndexOf(',', MAX_SUMMARY_LENGTH));
  }
  return rejects.length < accepts.length ? rejects : accepts;
}

/** An accept counts only for all addresses; a reject adds up by how many addresses it closes to its ports. */
function addRule(spans: Span[], rule: PolicyRule, family: 4 | 6): void {
  if (rule.accept) {
    if (rule.bits !== 0) return;
    for (const span of cut(spans, rule)) {
      if (span.rejected <= TOLERATED[family]) span.accepted = true;
    }
    return;
  }
  if (isPrivateNetwork(rule)) return;
  const countedBits = family === 4 ? 32 : 64;
  if (rule.bits > countedBits) return;
  for (const span of cut(spans, rule)) span.rejected += 2 ** (countedBits - rule.bits);
}

function isPrivateNetwork(rule: PolicyRule): boolean {
  return PRIVATE_NETWORKS.some(
    ({ address, bits }) =>
      bits === rule.bits && sharesPrefix(address, rule.address, rule.address.bytes.length * 8),
  );
}

/** The spans that make up exactly the rule's ports, split from their neighbours where needed. */
function cut(spans: Span[], { minPort, maxPort }: PolicyRule): Span[] {
  splitAt(spans, minPort);
  splitAt(spans, maxPort + 1);
  return spans.filter((span) => span.min >= minPort && span.max <= maxPort);
}

function splitAt(spans: Span[], port: number): void {
  const index = spans.findIndex((span) => span.min < port && span.max >= port);
  const span = spans[index];
  if (span === undefined) return;
  spans.splice(index + 1, 0, { ...span, min: port });
  span.max = port - 1;
}

function mergedRanges(spans: readonly Span[], accepted: boolean): { min: number; max: number }[] {
  const ranges: { min: number; max: number }[] = [];
  for (const span of spans) {
    if (span.accepted !== accepted) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last.max === span.min - 1) last.max = span.max;
    else ranges.push({ min: span.min, max: span.max });
  }
  return ranges;
}
