import { parseIpAddress, sharesPrefix, unmapIpAddress } from './ip-address.js';
import type { IpAddress } from './ip-address.js';
import { formatPolicyRule, isCatchAll, parsePolicyEntry } from './policy-rule.js';
import type { PolicyRule } from './policy-rule.js';
import { summarizePolicy } from './port-summary.js';

/**
 * An exit policy (dir-spec 2.1.3; manual, ExitPolicy): rules in order, of which the first that is about an address and
 * port decides; where none is, the stream is accepted. `private` and `*` are expanded when it is read, so every rule
 * is about one network of one family. Policies never change: a new setting makes a new one.
 */

/** `probably`: for some addresses, or some ports, the answer is the other one. */
export type PolicyVerdict = 'accepted' | 'rejected' | 'probably accepted' | 'probably rejected';

export class ExitPolicy {
  readonly rules: readonly PolicyRule[];

  constructor(rules: readonly PolicyRule[]) {
    this.rules = rules;
  }

  /** The policy that lets nothing out. */
  static rejectAll(): ExitPolicy {
    return ExitPolicy.parse(['reject *:*']).policy;
  }

  /**
   * Reads entries as an operator writes them: each line may hold several, separated by commas. Entries that are
   * passed over are told of in `warnings`; malformed ones throw `ERR_KIST_EXIT_POLICY`.
   */
  static parse(lines: readonly string[]): { policy: ExitPolicy; warnings: readonly string[] } {
    const rules: PolicyRule[] = [];
    const warnings: string[] = [];
    for (const entry of lines.flatMap((line) => line.split(','))) {
      if (entry.trim() === '') continue;
      const parsed = parsePolicyEntry(entry);
      for (const rule of parsed.rules) rules.push(rule);
      if (parsed.warning !== undefined) warnings.push(parsed.warning);
    }
    return { policy: new ExitPolicy(rules), warnings };
  }

  /** Reads the `accept` and `reject` lines of a server descriptor, where `*` is about IPv4 only. */
  static fromDescriptorLines(lines: readonly string[]): ExitPolicy {
    return new ExitPolicy(lines.flatMap((line) => parsePolicyEntry(line, 4).rules));
  }

  /**
   * Whether a stream to the address and port may leave. IPv4 addresses in IPv6 clothes are judged as IPv4: that is
   * how the connection would be made. What is not an address is refused.
   */
  allows(address: string | IpAddress, port: number): boolean {
    const parsed = typeof address === 'string' ? parseIpAddress(address) : address;
    if (parsed === undefined || port < 1 || port > 65535) return false;
    const target = unmapIpAddress(parsed);
    for (const rule of this.rules) {
      if (port < rule.minPort || port > rule.maxPort) continue;
      if (sharesPrefix(target, rule.address, rule.bits)) return rule.accept;
    }
    return true;
  }

  /** What is known of a stream to a port before its name is resolved. */
  judgePort(port: number): PolicyVerdict {
    return judge(
      this.rules.filter((rule) => port >= rule.minPort && port <= rule.maxPort),
      (rule) => rule.bits === 0,
    );
  }

  /** What is known of streams to an address, whatever the port. */
  judgeAddress(address: string): PolicyVerdict {
    const parsed = parseIpAddress(address);
    if (parsed === undefined) return 'rejected';
    const target = unmapIpAddress(parsed);
    return judge(
      this.rules.filter((rule) => sharesPrefix(target, rule.address, rule.bits)),
      (rule) => rule.minPort <= 1 && rule.maxPort >= 65535,
    );
  }

  /** Whether it surely lets nothing of the family out. */
  rejectsAll(family: 4 | 6): boolean {
    for (const rule of this.rules) {
      if (rule.address.family !== family) continue;
      if (rule.accept) return false;
      if (isCatchAll(rule)) return true;
    }
    return false;
  }

  /** Useful as an exit: lets at least one /8 of public IPv4 out on port 80, and on port 443 (authorities' rule). */
  isGeneralExit(countPrivate = false): boolean {
    return [80, 443].every((port) => opensAnEighth(this.rules, port, countPrivate));
  }

  /** The summary by port, such as `accept 80,443`. */
  summary(family: 4 | 6): string {
    return summarizePolicy(this.rules, family);
  }

  /** The lines of a server descriptor, each with its line feed: IPv4 rules, then the IPv6 summary if it opens a port. */
  toDescriptorText(): string {
    const lines = this.rules
      .filter((rule) => rule.address.family === 4)
      .map((rule) => formatPolicyRule(rule, 'descriptor'));
    if (lines.length === 0) lines.push('reject *:*');
    const six = this.summary(6);
    if (six !== 'reject 1-65535') lines.push(`ipv6-policy ${six}`);
    return lines.map((line) => `${line}\n`).join('');
  }

  /** The entries as an operator would write them. */
  toEntries(): string[] {
    return this.rules.map((rule) => formatPolicyRule(rule, 'settings'));
  }
}

/** The verdict of rules that may match, of which those that are `certain` surely do. */
function judge(rules: readonly PolicyRule[], certain: (rule: PolicyRule) => boolean): PolicyVerdict {
  let maybeAccepted = false;
  let maybeRejected = false;
  for (const rule of rules) {
    if (certain(rule)) {
      if (rule.accept) return maybeRejected ? 'probably accepted' : 'accepted';
      return maybeAccepted ? 'probably rejected' : 'rejected';
    }
    if (rule.accept) maybeAccepted = true;
    else maybeRejected = true;
  }
  return maybeRejected ? 'probably accepted' : 'accepted';
}

/** Whether some /8 is accepted on the port with no part of it rejected before. */
function opensAnEighth(rules: readonly PolicyRule[], port: number, countPrivate: boolean): boolean {
  const closed = new Set<number>();
  for (const rule of rules) {
    if (rule.address.family !== 4 || port < rule.minPort || port > rule.maxPort) continue;
    const first = rule.address.bytes[0] ?? 0;
    const span = rule.bits >= 8 ? 1 : 2 ** (8 - rule.bits);
    const start = first - (first % span);
    for (let block = start; block < start + span; block += 1) {
      if (closed.has(block) || (!countPrivate && PRIVATE_EIGHTHS.has(block))) continue;
      if (!rule.accept) closed.add(block);
      else if (rule.bits <= 8) return true;
    }
  }
  return false;
}

/** Blocks whose first address is not public. */
const PRIVATE_EIGHTHS: ReadonlySet<number> = new Set([0, 10, 127]);
