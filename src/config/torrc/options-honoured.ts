// One option a line: name (with ! when only a restart changes it), type, C tor's default.

/** What this relay acts on. */
export const HONOURED = `
  Nickname text
  ContactInfo text
  MyFamily list
  FamilyId list
  FamilyKeyDirectory! file
  OfflineMasterKey bool 0
  SigningKeyLifetime interval 30 days
  SSLKeyLifetime interval 0
  ORPort list
  __ORPort list
  Address list
  AddressDisableIPv6 bool 0
  OutboundBindAddress list
  OutboundBindAddressOR list
  OutboundBindAddressExit list
  AssumeReachable bool 0
  AssumeReachableIPv6 autobool auto
  PublishServerDescriptor csv 1
  ExtendAllowPrivateAddresses bool 0
  DirAllowPrivateAddresses bool 0
  CountPrivateBandwidth bool 0
  ConnLimit posint 1000
  DataDirectory! file
  DataDirectoryGroupReadable bool 0
  KeyDirectory! file
  KeyDirectoryGroupReadable autobool auto
  CacheDirectory! file
  CacheDirectoryGroupReadable autobool auto
  AvoidDiskWrites bool 0
  Log list
  LogTimeGranularity msec 1 second
  LogMessageDomains bool 0
  TruncateLogFile bool 0
  SafeLogging text 1
  SyslogIdentityTag! text
  HeartbeatPeriod interval 6 hours
  RunAsDaemon! bool 0
  PidFile! file
  User! text
  KeepBindCapabilities! autobool auto
  DisableAllSwap! bool 0
  ShutdownWaitLength interval 30 seconds
  ExitRelay autobool auto
  ExitPolicy list
  ReducedExitPolicy bool 0
  IPv6Exit bool 0
  ExitPolicyRejectPrivate bool 1
  ExitPolicyRejectLocalInterfaces bool 0
  RefuseUnknownExits autobool auto
  ServerDNSResolvConfFile file
  ServerDNSAllowBrokenConfig bool 1
  ServerDNSAllowNonRFC953Hostnames bool 0
  ServerDNSDetectHijacking bool 1
  ServerDNSRandomizeCase bool 1
  ServerDNSSearchDomains bool 0
  ServerDNSTestAddresses csv www.google.com,www.mit.edu,www.yahoo.com,www.slashdot.org
  BandwidthRate bytes 1 GB
  BandwidthBurst bytes 1 GB
  RelayBandwidthRate bytes 0
  RelayBandwidthBurst bytes 0
  MaxAdvertisedBandwidth bytes 1 GB
  PerConnBWRate bytes 0
  PerConnBWBurst bytes 0
  TokenBucketRefillInterval! msec 100 msec
  NumCPUs posint 0
  Schedulers csv KIST,KISTLite,Vanilla
  KISTSchedRunInterval msec 0 msec
  KISTSockBufSizeFactor real 1.0
  CircuitPriorityHalflife real -1.0
  MaxMemInQueues bytes 0
  MaxOnionQueueDelay msec 0
  MetricsPort list
  __MetricsPort list
  MetricsPortPolicy list
  DirAuthority list
  TestingTorNetwork! bool 0
  TestingMinTimeToReportBandwidth interval 1 day
  TestingServerDownloadInitialDelay csv-interval 0
  TestingServerConsensusDownloadInitialDelay csv-interval 0
  TestingLinkCertLifetime interval 2 days
  TestingAuthKeyLifetime interval 2 days
  TestingLinkKeySlop interval 3 hours
  TestingAuthKeySlop interval 3 hours
  TestingSigningKeySlop interval 1 day
  DoSCircuitCreationBurst posint 0
  DoSCircuitCreationDefenseTimePeriod interval 0
  DoSCircuitCreationDefenseType int 0
  DoSCircuitCreationEnabled autobool auto
  DoSCircuitCreationMinConnections posint 0
  DoSCircuitCreationRate posint 0
  DoSConnectionConnectBurst posint 0
  DoSConnectionConnectDefenseTimePeriod interval 0
  DoSConnectionConnectRate posint 0
  DoSConnectionDefenseType int 0
  DoSConnectionEnabled autobool auto
  DoSConnectionMaxConcurrentCount posint 0
  DoSStreamCreationBurst posint 0
  DoSStreamCreationDefenseType int 0
  DoSStreamCreationEnabled autobool auto
  DoSStreamCreationRate posint 0
  DoSRefuseSingleHopClientRendezvous autobool auto
`;

/** What would make the process something else than a relay, or cost money if ignored: refused unless at its default. */
export const REFUSED = `
  BridgeRelay bool 0
  AuthoritativeDirectory bool 0
  BridgeAuthoritativeDir bool 0
  V3AuthoritativeDirectory bool 0
  VersioningAuthoritativeDirectory bool 0
  AccountingMax bytes 0 bytes
  DisableNetwork bool 0
  ClientOnly bool 0
`;
