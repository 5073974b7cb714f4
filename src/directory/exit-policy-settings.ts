import { ExitPolicy } from './exit-policy.js';
import { parseIpAddress } from './ip-address.js';
import type { IpAddress } from './ip-address.js';
import { covers, formatPolicyRule, intersects, isCatchAll, PRIVATE_NETWORKS } from './policy-rule.js';
import type { PolicyRule } from './policy-rule.js';
import { sharesPrefix } from './ip-address.js';

/** How an exit's policy follows from its settings (manual: ExitPolicy and its neighbours). */
export interface ExitPolicySettings {
  /** The ExitPolicy lines, each perhaps with several entries. */
  readonly lines: readonly string[];
  /** IPv6Exit: without it every IPv6 stream is refused. */
  readonly ipv6Exit: boolean;
  /** ExitPolicyRejectPrivate: `reject private:*` goes first. */
  readonly rejectPrivate: boolean;
  /** Own public addresses that streams may not come back to; private ones among them are passed over. */
  readonly ownAddresses: readonly string[];
  /** What follows the lines. */
  readonly base: 'default' | 'reduced' | 'reject all';
}

/** The policy appended to an exit's own lines: everything but mail, news, file sharing and the like. */
export const DEFAULT_EXIT_POLICY =
  'reject *:25,reject *:119,reject *:135-139,reject *:445,reject *:563,reject *:1214,reject *:4661-4666,' +
  'reject *:6346-6429,reject *:6699,reject *:6881-6999,accept *:*';

const REDUCED_PORTS =
  '20-23,43,53,79-81,88,110,143,194,220,389,443,464,465,531,543-544,554,563,587,636,706,749,873,902-904,981,' +
  '989-995,1194,1220,1293,1500,1533,1677,1723,1755,1863,2082-2083,2086-2087,2095-2096,2102-2104,3128,3389,3690,' +
  '4321,4643,5050,5190,5222-5223,5228,5900,6660-6669,6679,6697,8000,8008,8074,8080,8082,8087-8088,8232-8233,' +
  '8332-8333,8443,8888,9418,9999,10000,11371,19294,19638,50002,64738';

/** ReducedExitPolicy: only ports of well-known services. */
export const REDUCED_EXIT_POLICY = `${REDUCED_PORTS.split(',')
  .map((ports) => `accept *:${ports}`)
  .join(',')},reject *:*`;

const BASES = {
  default: DEFAULT_EXIT_POLICY,
  reduced: REDUCED_EXIT_POLICY,
  'reject all': 'reject *:*',
} as const;

/** The policy of an exit. A malformed entry throws `ERR_KIST_EXIT_POLICY`; `warnings` are for the operator. */
export function makeExitPolicy(settings: ExitPolicySettings): {
  policy: ExitPolicy;
  warnings: readonly string[];
} {
  const own = ExitPolicy.parse(settings.lines);
  const rules: PolicyRule[] = [];
  if (!settings.ipv6Exit) rules.push(...ExitPolicy.parse(['reject *6:*']).policy.rules);
  if (settings.rejectPrivate) rules.push(...ExitPolicy.parse(['reject private:*']).policy.rules);
  for (const text of settings.ownAddresses) {
    const address = parseIpAddress(text);
    if (address === undefined || !isPublic(address) || (address.family === 6 && !settings.ipv6Exit)) continue;
    rules.push({ accept: false, address, bits: address.bytes.length * 8, minPort: 1, maxPort: 65535 });
  }
  const warnings = [...own.warnings];
  const unreachable = firstUnreachable(own.policy.rules);
  if (unreachable !== undefined) {
    warnings.push(
      `exit policy entry "${formatPolicyRule(unreachable, 'settings')}" and those after it have no effect: ` +
        'rules for all addresses and ports stand before them',
    );
  }
  rules.push(...own.policy.rules, ...ExitPolicy.parse([BASES[settings.base]]).policy.rules);
  return { policy: new ExitPolicy(withoutRedundant(rules)), warnings };
}

function isPublic(address: IpAddress): boolean {
  const isMulticast = address.family === 4 && (address.bytes[0] ?? 0) >= 224;
  return (
    !isMulticast && !PRIVATE_NETWORKS.some((network) => sharesPrefix(network.address, address, network.bits))
  );
}

function firstUnreachable(rules: readonly PolicyRule[]): PolicyRule | undefined {
  const closed = new Set<number>();
  for (const [index, rule] of rules.entries()) {
    if (isCatchAll(rule)) closed.add(rule.address.family);
    if (closed.size === 2) return rules[index + 1];
  }
  return undefined;
}

/** The same policy without rules that can never decide anything. */
export function withoutRedundant(rules: readonly PolicyRule[]): PolicyRule[] {
  const closed = new Set<number>();
  const reachable = rules.filter((rule) => {
    if (closed.has(rule.address.family)) return false;
    if (isCatchAll(rule)) closed.add(rule.address.family);
    return true;
  });
  // Behind a rule that covers it, a rule is never asked.
  const asked: PolicyRule[] = [];
  for (const rule of reachable) if (!asked.some((earlier) => covers(earlier, rule))) asked.push(rule);
  return asked.filter((rule, index) => !isRepeatedLater(rule, asked.slice(index + 1)));
}

/** Whether a later rule says the same of everything, with none between that says otherwise of some of it. */
function isRepeatedLater(rule: PolicyRule, later: readonly PolicyRule[]): boolean {
  for (const other of later) {
    if (other.accept !== rule.accept) {
      if (intersects(rule, other)) return false;
    } else if (covers(other, rule)) {
      return true;
    }
  }
  return false;
}
