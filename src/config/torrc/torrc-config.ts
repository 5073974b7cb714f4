import type { ExitPolicySettings } from '../../directory/exit-policy-settings.js';
import type { SchedulerName } from '../relay-config.js';
import type { TorrcAuthority } from './dir-authority.js';
import type { LogTarget } from './log-option.js';
import type { MetricsListener } from './metrics-port.js';
import type { OrPort } from './or-port.js';

/** At most one address of each family. */
export interface AddressPair {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** `auto`: the consensus, or else a rule, decides. */
export type Auto<T> = T | 'auto';

export interface TorrcIdentity {
  readonly nickname: string;
  readonly contactInfo: string | undefined;
  /** MyFamily: nicknames, and fingerprints with a `$` in front. */
  readonly family: readonly string[];
  /** FamilyId: base64 of Ed25519 keys, or `*`. */
  readonly familyIds: readonly string[];
  readonly familyKeyDirectory: string;
  readonly offlineMasterKey: boolean;
  readonly signingKeyLifetimeMs: number;
  readonly linkCertLifetimeMs: number;
  readonly authKeyLifetimeMs: number;
  readonly signingKeySlopMs: number;
  readonly linkKeySlopMs: number;
  readonly authKeySlopMs: number;
}

export interface TorrcAddresses {
  /** None: this is no relay. */
  readonly orPorts: readonly OrPort[];
  /** Address: what to advertise; literal addresses and names. */
  readonly addresses: readonly string[];
  readonly addressDisableIPv6: boolean;
  /** Bind addresses for relay channels and for exit streams; OutboundBindAddress serves both. */
  readonly outboundOr: AddressPair;
  readonly outboundExit: AddressPair;
  readonly assumeReachable: boolean;
  readonly assumeReachableIPv6: Auto<boolean>;
  readonly publishServerDescriptor: boolean;
  readonly extendAllowPrivateAddresses: boolean;
  readonly dirAllowPrivateAddresses: boolean;
  readonly countPrivateBandwidth: boolean;
}

export interface TorrcFolders {
  readonly dataDirectory: string;
  readonly dataDirectoryGroupReadable: boolean;
  readonly keyDirectory: string;
  readonly keyDirectoryGroupReadable: boolean;
  readonly cacheDirectory: string;
  readonly avoidDiskWrites: boolean;
}

export interface TorrcLogging {
  /** None written: notice to standard output, or nothing for a daemon. */
  readonly logs: readonly LogTarget[];
  readonly logTimeGranularityMs: number;
  readonly truncateLogFile: boolean;
  /** What is left out of logs: addresses of clients and relays, of relays' clients only, nothing. */
  readonly safeLogging: 'all' | 'relay' | 'none';
  readonly syslogIdentityTag: string | undefined;
  /** 0: never. */
  readonly heartbeatPeriodMs: number;
}

export interface TorrcProcess {
  readonly runAsDaemon: boolean;
  readonly pidFile: string | undefined;
  readonly user: string | undefined;
  readonly keepBindCapabilities: Auto<boolean>;
  readonly disableAllSwap: boolean;
  readonly shutdownWaitLengthMs: number;
  /** Least number of descriptors that must be had. */
  readonly connLimit: number;
}

export interface TorrcExit {
  /** Undefined: no stream leaves here. `ownAddresses` is empty: the relay knows them. */
  readonly exitPolicy: ExitPolicySettings | undefined;
  /** ExitPolicyRejectPrivate: also own public addresses; ...LocalInterfaces: those of every interface too. */
  readonly exitPolicyRejectPrivate: boolean;
  readonly exitPolicyRejectLocalInterfaces: boolean;
  readonly refuseUnknownExits: Auto<boolean>;
  readonly serverDns: {
    readonly resolvConfFile: string | undefined;
    readonly allowBrokenConfig: boolean;
    readonly allowNonRfc953Hostnames: boolean;
    readonly detectHijacking: boolean;
    readonly randomizeCase: boolean;
    readonly searchDomains: boolean;
    readonly testAddresses: readonly string[];
  };
}

/** Bytes a second, and bytes. */
export interface RateAndBurst {
  readonly rate: number;
  readonly burst: number;
}

export interface TorrcBandwidth {
  readonly bandwidth: RateAndBurst;
  /** For traffic of relaying only; undefined: no limit of its own. */
  readonly relayBandwidth: RateAndBurst | undefined;
  readonly perConnection: RateAndBurst | undefined;
  /** What the descriptor says, MaxAdvertisedBandwidth counted in. */
  readonly advertised: RateAndBurst;
  readonly tokenBucketRefillMs: number;
}

export interface TorrcEngine {
  /** 0: by the machine. */
  readonly numCpus: number;
  readonly schedulers: readonly SchedulerName[];
  /** 0: the consensus says, or else 10 ms. */
  readonly kistSchedRunIntervalMs: number;
  readonly kistSockBufSizeFactor: number;
  /** Undefined: the consensus says, or else 30 s. 0: no EWMA. */
  readonly circuitPriorityHalflifeMs: number | undefined;
  /** 0: by the machine's memory. */
  readonly maxMemInQueuesBytes: number;
  /** 0: the consensus says, or else 1750 ms. */
  readonly maxOnionQueueDelayMs: number;
}

export interface TorrcMetrics {
  readonly metricsPorts: readonly MetricsListener[];
  /** MetricsPortPolicy as written; whom no entry accepts is refused. */
  readonly metricsPortPolicy: readonly string[];
}

export interface TorrcNetwork {
  /** Undefined: the public network's. */
  readonly dirAuthorities: readonly TorrcAuthority[] | undefined;
  readonly testingTorNetwork: boolean;
  readonly minTimeToReportBandwidthMs: number;
  readonly consensusDownloadDelayMs: number;
  readonly serverDownloadDelayMs: number;
}

/** Numbers of 0 and `auto`: the consensus, or else C tor's defaults, decide. */
export interface TorrcDos {
  readonly circuitCreation: {
    readonly enabled: Auto<boolean>;
    readonly minConnections: number;
    readonly rate: number;
    readonly burst: number;
    readonly defenseType: number;
    readonly defenseTimePeriodMs: number;
  };
  readonly connection: {
    readonly enabled: Auto<boolean>;
    readonly maxConcurrentCount: number;
    readonly defenseType: number;
    readonly connectRate: number;
    readonly connectBurst: number;
    readonly connectDefenseTimePeriodMs: number;
  };
  readonly streamCreation: {
    readonly enabled: Auto<boolean>;
    readonly rate: number;
    readonly burst: number;
    readonly defenseType: number;
  };
  readonly refuseSingleHopClientRendezvous: Auto<boolean>;
}

/** What a torrc says, checked and in plain types. Times are milliseconds, sizes bytes. */
export interface TorrcConfig
  extends
    TorrcIdentity,
    TorrcAddresses,
    TorrcFolders,
    TorrcLogging,
    TorrcProcess,
    TorrcExit,
    TorrcBandwidth,
    TorrcEngine,
    TorrcMetrics,
    TorrcNetwork {
  readonly dos: TorrcDos;
}
