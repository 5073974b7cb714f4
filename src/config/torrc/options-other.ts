// One option a line: name (with ! when only a restart changes it), type, C tor's default.

/** Without effect here: nothing to switch, or decided by other means. */
export const ACCEPTED = `
  HardwareAccel! bool 0
  AccelName! text
  AccelDir! file
  NoExec! bool 0
  DisableDebuggerAttachment! bool 1
  DisableOOSCheck bool 1
  ConstrainedSockets bool 0
  ConstrainedSockSize bytes 8192
  ProtocolWarnings bool 0
  MainloopStats bool 0
  CellStatistics bool 0
  PaddingStatistics bool 1
  OverloadStatistics bool 1
  ConnDirectionStatistics bool 0
  DirReqStatistics bool 1
  EntryStatistics bool 0
  ExitPortStatistics bool 0
  ExtraInfoStatistics bool 1
  HiddenServiceStatistics bool 1
  BridgeRecordUsageByCountry bool 1
  RephistTrackTime interval 24 hours
  MaxUnparseableDescSizeToLog bytes 10 MB
  FetchDirInfoEarly bool 0
  FetchDirInfoExtraEarly bool 0
  FetchServerDescriptors bool 1
  FetchUselessDescriptors bool 0
  DownloadExtraInfo bool 0
  GeoIPFile file
  GeoIPv6File file
  GeoIPExcludeUnknown autobool auto
  ReevaluateExitPolicy bool 0
  KeepalivePeriod interval 5 minutes
  UseMicrodescriptors autobool auto
  FallbackDir list
  UseDefaultFallbackDirs bool 1
  DirAuthorityFallbackRate real 0.1
  AlternateDirAuthority list
  AlternateBridgeAuthority list
  DirCache bool 1
  MaxHSDirCacheBytes bytes 0
  MaxConsensusAgeForDiffs interval 0 seconds
  ExtendByEd25519ID autobool auto
  ConnectionPadding autobool auto
  ReducedConnectionPadding bool 0
  CircuitPadding bool 1
  ReducedCircuitPadding bool 0
  CompiledProofOfWorkHash autobool auto
  TestingEnableConnBwEvent bool 0
  TestingEnableCellStatsEvent bool 0
  TestingDirConnectionMaxStall interval 5 minutes
  __ReloadTorrcOnSIGHUP bool 1
  __DisableSignalHandlers! bool 0
  __AllDirActionsPrivate bool 0
  __SbwsExit bool 0
  __AlwaysCongestionControl bool 0
`;

/** Functions of C tor that this relay lacks. */
export const UNSUPPORTED = `
  ControlPort list
  __ControlPort list
  ControlPortFileGroupReadable bool 0
  ControlPortWriteToFile file
  ControlSocket list
  ControlSocketsGroupWritable bool 0
  CookieAuthentication bool 0
  CookieAuthFile file
  CookieAuthFileGroupReadable bool 0
  HashedControlPassword list
  __HashedControlSessionPassword list
  __OwningControllerFD! text
  __OwningControllerProcess text
  DirPort list
  __DirPort list
  DirPortFrontPage file
  DirPolicy list
  Sandbox! bool 0
  AccountingRule text max
  AccountingStart text
  BridgeDistribution text
  ExtORPort list
  __ExtORPort list
  ExtORPortCookieAuthFile file
  ExtORPortCookieAuthFileGroupReadable bool 0
  OutboundBindAddressPT list
  ServerTransportListenAddr list
  ServerTransportOptions list
  ServerTransportPlugin list
`;

/** For directory authorities. */
export const AUTHORITY = `
  AuthDirBadExit list
  AuthDirBadExitCCs csv
  AuthDirFastGuarantee bytes 100 KB
  AuthDirGuardBWGuarantee bytes 2 MB
  AuthDirHasIPv6Connectivity bool 0
  AuthDirInvalid list
  AuthDirInvalidCCs csv
  AuthDirListBadExits bool 0
  AuthDirListMiddleOnly bool 0
  AuthDirMaxServersPerAddr posint 2
  AuthDirMiddleOnly list
  AuthDirMiddleOnlyCCs csv
  AuthDirPinKeys bool 1
  AuthDirReject list
  AuthDirRejectCCs csv
  AuthDirRejectRequestsUnderLoad bool 1
  AuthDirSharedRandomness bool 1
  AuthDirTestEd25519LinkKeys bool 1
  AuthDirTestReachability bool 1
  AuthDirVoteGuard nodes
  AuthDirVoteGuardBwThresholdFraction real 0.75
  AuthDirVoteGuardGuaranteeTimeKnown interval 8 days
  AuthDirVoteGuardGuaranteeWFU real 0.98
  AuthDirVoteStableGuaranteeMinUptime interval 30 days
  AuthDirVoteStableGuaranteeMTBF interval 5 days
  BridgePassword text
  ConsensusParams list
  GuardfractionFile file
  MinimalAcceptedServerVersion text 0.4.8.0-alpha-dev
  MinMeasuredBWsForAuthToIgnoreAdvertised int 500
  MinUptimeHidServDirectoryV2 interval 96 hours
  RecommendedClientVersions list
  RecommendedServerVersions list
  RecommendedVersions list
  TestingAuthDirTimeToLearnReachability interval 30 minutes
  TestingDirAuthVoteExit nodes
  TestingDirAuthVoteExitIsStrict bool 0
  TestingDirAuthVoteGuard nodes
  TestingDirAuthVoteGuardIsStrict bool 0
  TestingDirAuthVoteHSDir nodes
  TestingDirAuthVoteHSDirIsStrict bool 0
  TestingMinExitFlagThreshold bytes 0
  TestingMinFastFlagThreshold bytes 0
  TestingV3AuthInitialDistDelay interval 5 minutes
  TestingV3AuthInitialVoteDelay interval 5 minutes
  TestingV3AuthInitialVotingInterval interval 30 minutes
  TestingV3AuthVotingStartOffset interval 0
  V3AuthDistDelay interval 5 minutes
  V3AuthNIntervalsValid posint 3
  V3AuthUseLegacyKey bool 0
  V3AuthVoteDelay interval 5 minutes
  V3AuthVotingInterval interval 1 hour
  V3BandwidthsFile file
`;
