// One option a line: name (with ! when only a restart changes it), type, C tor's default.

/** For clients and onion services: no use in a relay. */
export const CLIENT = `
  __DisablePredictedCircuits bool 0
  __DNSPort list
  __HTTPTunnelPort list
  __LeaveStreamsUnattached bool 0
  __NATDPort list
  __SocksPort list
  __TransPort list
  AllowNonRFC953Hostnames bool 0
  AutomapHostsOnResolve bool 0
  AutomapHostsSuffixes csv .onion,.exit
  Bridge list
  CircuitBuildTimeout interval 0
  CircuitsAvailableTimeout interval 0
  CircuitStreamTimeout interval 0
  ClientBootstrapConsensusAuthorityDownloadInitialDelay csv-interval 6
  ClientBootstrapConsensusAuthorityOnlyDownloadInitialDelay csv-interval 0
  ClientBootstrapConsensusFallbackDownloadInitialDelay csv-interval 0
  ClientBootstrapConsensusMaxInProgressTries posint 3
  ClientDNSRejectInternalAddresses bool 1
  ClientOnionAuthDir file
  ClientPreferIPv6DirPort autobool auto
  ClientPreferIPv6ORPort autobool auto
  ClientRejectInternalAddresses bool 1
  ClientTransportPlugin list
  ClientUseIPv4 bool 1
  ClientUseIPv6 bool 1
  ConfluxClientUX text throughput
  ConfluxEnabled autobool auto
  DNSPort list
  DormantCanceledByStartup bool 0
  DormantClientTimeout interval 24 hours
  DormantOnFirstStartup bool 0
  DormantTimeoutDisabledByIdleStreams bool 1
  DormantTimeoutEnabled bool 1
  EnforceDistinctSubnets bool 1
  EntryNodes nodes
  ExcludeExitNodes nodes
  ExcludeNodes nodes
  ExitNodes nodes
  FascistFirewall bool 0
  FetchHidServDescriptors bool 1
  FirewallPorts csv
  GuardLifetime interval 0 minutes
  HiddenServiceAllowUnknownPorts list
  HiddenServiceDir list
  HiddenServiceDirGroupReadable list
  HiddenServiceEnableIntroDoSBurstPerSec list
  HiddenServiceEnableIntroDoSDefense list
  HiddenServiceEnableIntroDoSRatePerSec list
  HiddenServiceExportCircuitID list
  HiddenServiceMaxStreams list
  HiddenServiceMaxStreamsCloseCircuit list
  HiddenServiceNonAnonymousMode! bool 0
  HiddenServiceNumIntroductionPoints list
  HiddenServiceOnionBalanceInstance list
  HiddenServicePort list
  HiddenServicePoWDefensesEnabled list
  HiddenServicePoWQueueBurst list
  HiddenServicePoWQueueRate list
  HiddenServiceSingleHopMode! bool 0
  HiddenServiceVersion list
  HSLayer2Nodes nodes
  HSLayer3Nodes nodes
  HTTPProxy text
  HTTPProxyAuthenticator text
  HTTPSProxy text
  HTTPSProxyAuthenticator text
  HTTPTunnelPort list
  LearnCircuitBuildTimeout bool 1
  LongLivedPorts csv 21,22,706,1863,5050,5190,5222,5223,6523,6667,6697,8300
  MapAddress list
  MaxCircuitDirtiness interval 10 minutes
  MaxClientCircuitsPending posint 32
  MiddleNodes nodes
  NATDPort list
  NewCircuitPeriod interval 30 seconds
  NodeFamily list
  NumDirectoryGuards posint 0
  NumEntryGuards posint 0
  NumPrimaryGuards posint 0
  PathBiasCircThreshold int -1
  PathBiasDropGuards autobool 0
  PathBiasExtremeRate real -1
  PathBiasExtremeUseRate real -1
  PathBiasNoticeRate real -1
  PathBiasNoticeUseRate real -1
  PathBiasScaleThreshold int -1
  PathBiasScaleUseThreshold int -1
  PathBiasUseThreshold int -1
  PathBiasWarnRate real -1
  PathsNeededToBuildCircuits real -1
  PublishHidServDescriptors bool 1
  ReachableAddresses list
  ReachableDirAddresses list
  ReachableORAddresses list
  ReconfigDropsBridgeDescs bool 0
  RejectPlaintextPorts csv
  SafeSocks bool 0
  Socks4Proxy text
  Socks5Proxy text
  Socks5ProxyPassword text
  Socks5ProxyUsername text
  SocksPolicy list
  SocksPort list
  SocksTimeout interval 2 minutes
  StrictNodes bool 0
  TCPProxy text
  TestingBridgeBootstrapDownloadInitialDelay csv-interval 0
  TestingBridgeDownloadInitialDelay csv-interval 10800
  TestingClientConsensusDownloadInitialDelay csv-interval 0
  TestingClientDownloadInitialDelay csv-interval 0
  TestingClientMaxIntervalWithoutRequest interval 10 minutes
  TestSocks bool 0
  TrackHostExits csv
  TrackHostExitsExpire interval 30 minutes
  TransPort list
  TransProxyType text default
  UnixSocksGroupWritable bool 0
  UpdateBridgesFromAuthority bool 0
  UseBridges bool 0
  UseEntryGuards bool 1
  UseGuardFraction autobool auto
  VanguardsLiteEnabled autobool auto
  VirtualAddrNetworkIPv4 text 127.192.0.0/10
  VirtualAddrNetworkIPv6 text [FE80::]/10
  WarnPlaintextPorts csv 23,109,110,143
`;
