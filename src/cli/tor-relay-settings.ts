import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import type { TorrcAuthority } from '../config/torrc/dir-authority.js';
import type { TorrcConfig } from '../config/torrc/index.js';
import { makeExitPolicy } from '../directory/exit-policy-settings.js';
import { ExitPolicy } from '../directory/exit-policy.js';
import type { DataPlaneOptions } from '../native/data-plane-options.js';
import { ExitPolicy as PublicPolicy } from '../relay/exit-policy.js';
import { TOR_PLANE } from '../relay/tor/index.js';
import type { DirectoryAuthority, OrPort, TorRelayChanges, TorRelayOptions } from '../relay/tor/index.js';
import { KistError } from '../util/errors.js';

const LOOPBACK = '127.0.0.1';
/** BandwidthRate's default. */
const UNLIMITED = 1 << 30;

function isPublic(address: string): boolean {
  return new PublicPolicy().allows(address, 1);
}

/**
 * The IPv4 address that the descriptor names: the first `Address` (a name is looked up), else the first explicit
 * ORPort address, else the first public address of an interface; in a test network this machine's.
 */
export async function advertisedAddress(config: TorrcConfig): Promise<string> {
  const written = config.addresses.find((address) => !address.includes(':'));
  if (written !== undefined) {
    return isIPv4(written) ? written : (await lookup(written, { family: 4 })).address;
  }
  const explicit = config.orPorts.find(({ isExplicit, family }) => isExplicit && family === 4);
  if (explicit !== undefined && explicit.address !== '0.0.0.0') return explicit.address;
  if (config.testingTorNetwork) return LOOPBACK;
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = own.find(({ address, internal }) => !internal && isIPv4(address) && isPublic(address));
  if (found !== undefined) return found.address;
  throw new KistError(
    'ERR_KIST_ADDRESS',
    'no interface has a public IPv4 address: say with Address which one others reach this relay at',
    'operator',
  );
}

/** Where to listen. IPv6 ports of unwritten addresses are left out where IPv4 ones serve. */
export function listeningPorts(config: TorrcConfig): OrPort[] {
  return config.orPorts
    .filter(({ listens, family, isExplicit }) => listens && (family === 4 || isExplicit))
    .map(({ address, port }) => ({ host: address, port: port === 'auto' ? 0 : port }));
}

/** What the descriptor says instead of the first port listened at (NoListen, NoAdvertise). */
export function advertisedPort(config: TorrcConfig): number | undefined {
  const advertised = config.orPorts.find(({ advertises, family }) => advertises && family === 4);
  if (advertised === undefined || advertised.listens || advertised.port === 'auto') return undefined;
  return advertised.port;
}

export function authoritiesOf(configured: readonly TorrcAuthority[] | undefined): DirectoryAuthority[] {
  return (configured ?? [])
    .filter(({ isBridgeAuthority }) => !isBridgeAuthority)
    .map(({ nickname, address, dirPort, orPort, fingerprint, v3Identity }) => ({
      nickname: nickname ?? fingerprint.slice(0, 8),
      host: address,
      dirPort,
      orPort,
      fingerprint,
      ...(v3Identity === undefined ? {} : { v3Identity }),
    }));
}

export function dataPlaneOptions(config: TorrcConfig): DataPlaneOptions {
  const { numCpus, maxMemInQueuesBytes, maxOnionQueueDelayMs } = config;
  return {
    ...TOR_PLANE,
    ...(numCpus === 0 ? {} : { onionThreads: numCpus }),
    ...(maxMemInQueuesBytes === 0 ? {} : { memoryBudget: maxMemInQueuesBytes }),
    ...(maxOnionQueueDelayMs === 0 ? {} : { maxOnionQueueDelayMs }),
    scheduler: schedulerOptions(config),
  };
}

export function schedulerOptions(config: TorrcConfig): NonNullable<DataPlaneOptions['scheduler']> {
  const { kistSchedRunIntervalMs, kistSockBufSizeFactor, circuitPriorityHalflifeMs } = config;
  const [first] = config.schedulers;
  return {
    policy: first ?? 'kist',
    sockBufSizeFactor: kistSockBufSizeFactor,
    ...(kistSchedRunIntervalMs === 0 ? {} : { runIntervalMs: kistSchedRunIntervalMs }),
    ...(circuitPriorityHalflifeMs ? { circuitPriorityHalflifeMs } : {}),
  };
}

type ChangeableOptions = TorRelayChanges & Required<Pick<TorRelayOptions, 'exitPolicy' | 'bandwidth'>>;

/** What a reload can change. */
export function changeableOptions(config: TorrcConfig, address: string): ChangeableOptions {
  const { exitPolicy, contactInfo, family, advertised } = config;
  const policy =
    exitPolicy === undefined
      ? ExitPolicy.rejectAll()
      : makeExitPolicy({ ...exitPolicy, ownAddresses: [address] }).policy;
  return {
    exitPolicy: policy,
    contact: contactInfo,
    family: family.length === 0 ? undefined : family,
    bandwidth: advertised,
  };
}

/** Options that a running relay keeps, by the names of torrc. */
const FIXED = {
  Nickname: ({ nickname }: TorrcConfig) => nickname,
  ORPort: ({ orPorts }: TorrcConfig) => orPorts,
  Address: ({ addresses }: TorrcConfig) => addresses,
  DataDirectory: ({ dataDirectory }: TorrcConfig) => dataDirectory,
  DirAuthority: ({ dirAuthorities }: TorrcConfig) => dirAuthorities,
  PublishServerDescriptor: ({ publishServerDescriptor }: TorrcConfig) => publishServerDescriptor,
  ExtendAllowPrivateAddresses: ({ extendAllowPrivateAddresses }: TorrcConfig) => extendAllowPrivateAddresses,
  MaxMemInQueues: ({ maxMemInQueuesBytes }: TorrcConfig) => maxMemInQueuesBytes,
} as const;

/** Which of them a new torrc would change. */
export function fixedChanges(before: TorrcConfig, after: TorrcConfig): string[] {
  return Object.entries(FIXED).flatMap(([name, read]) =>
    isDeepStrictEqual(read(before), read(after)) ? [] : [name],
  );
}

/** What the reader of torrc knows and this relay does not do yet: said once, at the start. */
export function unservedOptions(config: TorrcConfig): string[] {
  const { bandwidth, relayBandwidth, perConnection, outboundOr, outboundExit, disableAllSwap } = config;
  const { circuitCreation, connection, streamCreation } = config.dos;
  const defends = [circuitCreation, connection, streamCreation].some(({ enabled }) => enabled === true);
  const isBound = ({ ipv4, ipv6 }: typeof outboundOr): boolean => ipv4 !== undefined || ipv6 !== undefined;
  const served: readonly (readonly [name: string, isUsed: boolean])[] = [
    ['BandwidthRate', bandwidth.rate < UNLIMITED],
    ['RelayBandwidthRate', relayBandwidth !== undefined],
    ['PerConnBWRate', perConnection !== undefined],
    ['OutboundBindAddress', isBound(outboundOr) || isBound(outboundExit)],
    ['ServerDNSResolvConfFile', config.serverDns.resolvConfFile !== undefined],
    ['DisableAllSwap', disableAllSwap],
    ['DoSCircuitCreationEnabled and its like', defends],
  ];
  return served.flatMap(([name, isUsed]) => (isUsed ? [name] : []));
}
