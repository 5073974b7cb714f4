/** Names that C tor still knows but skips with a warning. */
export const OBSOLETE = `
  AllowDotExit AllowInvalidNodes AllowSingleHopCircuits AllowSingleHopExits AlternateHSAuthority
  AuthDirBadDir AuthDirBadDirCCs AuthDirRejectUnlisted AuthDirListBadDirs AuthDirMaxServersPerAuthAddr
  CircuitIdleTimeout ClientAutoIPv6ORPort ControlListenAddress DirListenAddress DisableIOCP
  DisableV2DirectoryInfo_ DynamicDHGroups DNSListenAddress TestingEnableTbEmptyEvent
  TestingEstimatedDescriptorPropagationTime ExcludeSingleHopRelays FallbackNetworkstatusFile
  FastFirstHopPK FetchV2Networkstatus Group HidServDirectoryV2 HiddenServiceAuthorizeClient
  HidServAuth CloseHSClientCircuitsImmediatelyOnTimeout CloseHSServiceRendCircuitsImmediatelyOnTimeout
  AndroidIdentityTag MaxOnionsPending NamingAuthoritativeDirectory NATDListenAddress
  PredictedPortsRelevanceTime WarnUnsafeSocks ORListenAddress PathBiasDisableRate PathBiasScaleFactor
  PathBiasMultFactor PathBiasUseCloseCounts OptimisticData PortForwarding PortForwardingHelper
  PreferTunneledDirConns RecommendedPackages RunTesting SchedulerLowWaterMark__
  SchedulerHighWaterMark__ SchedulerMaxFlushCells__ SocksListenAddress StrictEntryNodes
  StrictExitNodes Support022HiddenServices Tor2webMode Tor2webRendezvousPoints TLSECGroup
  TransListenAddress TunnelDirConns UseEntryGuardsAsDirGuards UseNTorHandshake UserspaceIOCPBuffers
  V1AuthoritativeDirectory V2AuthoritativeDirectory VoteOnHidServDirectoriesV2
  UseFilteringSSLBufferevents __UseFilteringSSLBufferevents TestingConsensusMaxDownloadTries
  ClientBootstrapConsensusMaxDownloadTries ClientBootstrapConsensusAuthorityOnlyMaxDownloadTries
  TestingDescriptorMaxDownloadTries TestingMicrodescMaxDownloadTries TestingCertMaxDownloadTries
`;

/** Names under which C tor answers questions about lists; they cannot be set. */
export const VIRTUAL = `
  SocksPortLines ControlPortLines DirPortLines DNSPortLines ExtORPortLines HTTPTunnelPortLines
  MetricsPortLines NATDPortLines ORPortLines TransPortLines HiddenServiceOptions
`;

/** Singular forms of names that end in s. */
export const SINGULAR = `
  AuthDirBadDirCC AuthDirBadExitCC AuthDirInvalidCC AuthDirMiddleOnlyCC AuthDirRejectCC EntryNode
  ExcludeNode FirewallPort LongLivedPort HiddenServiceNode HiddenServiceExcludeNode NumCPU RendNode
  RecommendedPackage RendExcludeNode StrictEntryNode StrictExitNode StrictNode
`;

/** An older or shorter name and the one it stands for: `warn` when its use is told, `arguments` on the command line only. */
export const ALIASES = `
  l Log arguments
  AllowUnverifiedNodes AllowInvalidNodes
  AutomapHostSuffixes AutomapHostsSuffixes
  AutomapHostOnResolve AutomapHostsOnResolve
  BandwidthRateBytes BandwidthRate
  BandwidthBurstBytes BandwidthBurst
  DirServer DirAuthority
  MaxConn ConnLimit warn
  MaxMemInCellQueues MaxMemInQueues
  ORBindAddress ORListenAddress
  DirBindAddress DirListenAddress
  SocksBindAddress SocksListenAddress
  UseHelperNodes UseEntryGuards
  NumHelperNodes NumEntryGuards
  UseEntryNodes UseEntryGuards
  NumEntryNodes NumEntryGuards
  ResolvConf ServerDNSResolvConfFile warn
  SearchDomains ServerDNSSearchDomains warn
  ServerDNSAllowBrokenResolvConf ServerDNSAllowBrokenConfig
  PreferTunnelledDirConns PreferTunneledDirConns
  BridgeAuthoritativeDirectory BridgeAuthoritativeDir
  HashedControlPassword __HashedControlSessionPassword arguments
  VirtualAddrNetwork VirtualAddrNetworkIPv4
  SocksSocketsGroupWritable UnixSocksGroupWritable warn
  _HSLayer2Nodes HSLayer2Nodes warn
  _HSLayer3Nodes HSLayer3Nodes warn
  ClientBootstrapConsensusAuthorityDownloadSchedule ClientBootstrapConsensusAuthorityDownloadInitialDelay warn
  ClientBootstrapConsensusAuthorityOnlyDownloadSchedule ClientBootstrapConsensusAuthorityOnlyDownloadInitialDelay warn
  ClientBootstrapConsensusFallbackDownloadSchedule ClientBootstrapConsensusFallbackDownloadInitialDelay warn
  TestingBridgeDownloadSchedule TestingBridgeDownloadInitialDelay warn
  TestingBridgeBootstrapDownloadSchedule TestingBridgeBootstrapDownloadInitialDelay warn
  TestingClientDownloadSchedule TestingClientDownloadInitialDelay warn
  TestingClientConsensusDownloadSchedule TestingClientConsensusDownloadInitialDelay warn
  TestingServerDownloadSchedule TestingServerDownloadInitialDelay warn
  TestingServerConsensusDownloadSchedule TestingServerConsensusDownloadInitialDelay warn
`;

/** Options that C tor means to remove, with its reason. */
export const DEPRECATED = `
  HTTPProxy
  HTTPProxyAuthenticator
  ReachableDirAddresses
  ClientPreferIPv6DirPort
  ClientAutoIPv6ORPort
`;
