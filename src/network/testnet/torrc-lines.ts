import type { ResolvedTestNetworkOptions } from './test-network-options.js';
import { HOST } from './test-node.js';
import type { TestNodeKeys } from './test-node.js';

/** What the torrc of a node depends on beside its own keys and ports. */
export interface TorrcSettings extends ResolvedTestNetworkOptions {
  /** Seconds by which votes are shifted against the wall clock's multiples of the interval. */
  readonly votingOffset: number;
}

/** The line by which every node knows an authority. */
export function dirAuthorityLine(authority: TestNodeKeys): string {
  const { name, orPort, dirPort, v3Identity, fingerprint } = authority;
  return `DirAuthority ${name} orport=${orPort} v3ident=${v3Identity} ${HOST}:${dirPort} ${fingerprint}`;
}

/** What a relay that joins needs beside its own lines: the test mode and the authorities. */
export function joiningLines(authorities: readonly TestNodeKeys[]): string[] {
  return [
    'TestingTorNetwork 1',
    ...authorities.map((authority) => dirAuthorityLine(authority)),
    `Address ${HOST}`,
    'AssumeReachable 1',
  ];
}

function commonLines(node: TestNodeKeys, authorities: readonly TestNodeKeys[]): string[] {
  return [
    ...joiningLines(authorities),
    `DataDirectory ${node.folder}/data`,
    'Log notice stdout',
    'SafeLogging 0',
    'LogTimeGranularity 1',
    'AvoidDiskWrites 1',
    'PathsNeededToBuildCircuits 0.67',
    // Test mode turns statistics of every cell on; they cost more than the relaying itself may.
    'TestingEnableCellStatsEvent 0',
    'TestingEnableConnBwEvent 0',
  ];
}

function relayLines(node: TestNodeKeys, exitPolicy: readonly string[]): string[] {
  return [
    `Nickname ${node.name}`,
    `ORPort ${HOST}:${node.orPort}`,
    'SocksPort 0',
    'ShutdownWaitLength 0',
    'DirReqStatistics 0',
    'HiddenServiceStatistics 0',
    // Names are looked up on this machine or not at all.
    `ServerDNSResolvConfFile ${node.folder}/resolv.conf`,
    'ServerDNSAllowBrokenConfig 1',
    'ServerDNSDetectHijacking 0',
    // Caching and compressing every consensus is half of a relay's memory; guards and authorities suffice for it.
    `DirCache ${node.role === 'exit' ? 0 : 1}`,
    `ExitRelay ${node.role === 'exit' ? 1 : 0}`,
    'ExitPolicyRejectPrivate 0',
    ...exitPolicy.map((line) => `ExitPolicy ${line}`),
  ];
}

function authorityLines(node: TestNodeKeys, options: TorrcSettings): string[] {
  const { votingInterval, firstVotingInterval, guards, votingOffset } = options;
  // Vote and distribution together must be less than half the interval; 2 s each is the least C tor takes.
  const delayOf = (interval: number): number => (interval < 20 ? 2 : 4);
  const delay = delayOf(votingInterval);
  const firstDelay = delayOf(firstVotingInterval);
  return [
    'AuthoritativeDirectory 1',
    'V3AuthoritativeDirectory 1',
    `DirPort ${HOST}:${node.dirPort}`,
    'ContactInfo nobody@example.com',
    `TestingV3AuthVotingStartOffset ${votingOffset}`,
    `TestingV3AuthInitialVotingInterval ${firstVotingInterval}`,
    `TestingV3AuthInitialVoteDelay ${firstDelay}`,
    `TestingV3AuthInitialDistDelay ${firstDelay}`,
    `V3AuthVotingInterval ${votingInterval}`,
    `V3AuthVoteDelay ${delay}`,
    `V3AuthDistDelay ${delay}`,
    ...(guards.length === 0 ? [] : [`TestingDirAuthVoteGuard ${guards.join(',')}`]),
    'TestingDirAuthVoteGuardIsStrict 1',
    // Below a KB, so nobody is too slow: else the slowest quarter is not Fast, and such a guard is never used.
    'AuthDirFastGuarantee 1',
    'TestingMinExitFlagThreshold 0',
    ...options.consensusParameters.map((parameter) => `ConsensusParams ${parameter}`),
  ];
}

function clientLines(node: TestNodeKeys): string[] {
  return [
    'ClientOnly 1',
    `SocksPort ${HOST}:${node.socksPort}`,
    `ControlPort ${HOST}:${node.controlPort}`,
    'CookieAuthentication 1',
    'ConfluxEnabled 0',
    // A circuit takes as long as it takes on a busy machine, and stays while a test needs it.
    'LearnCircuitBuildTimeout 0',
    'CircuitBuildTimeout 60',
    'MaxCircuitDirtiness 86400',
    'FetchDirInfoEarly 1',
    'FetchDirInfoExtraEarly 1',
    // Without a consensus to fetch a client would only learn to ask less often; it is told when there is one.
    'DisableNetwork 1',
  ];
}

/** The whole torrc of one node. Lines of the options come last: of an option given twice tor takes the last. */
export function torrcLines(
  node: TestNodeKeys,
  authorities: readonly TestNodeKeys[],
  options: TorrcSettings,
): string[] {
  const { torrc } = options;
  const lines = [...commonLines(node, authorities)];
  if (node.role === 'authority') lines.push(...authorityLines(node, options));
  if (node.role === 'client') lines.push(...clientLines(node));
  else lines.push(...relayLines(node, node.role === 'exit' ? options.exitPolicy : ['reject *:*']));
  return [...lines, ...(torrc.all ?? []), ...(torrc[node.role] ?? [])];
}
