/**
 * kist-relay as a library: relays, circuits of our own, an HTTP proxy over them, and the registration service that
 * makes them a network.
 *
 *     const relay = new Relay({ agentId: 1 << 16, discovery });
 *     await relay.start();
 *     const origin = new Origin({ channels: relay.channels, discovery, selfId: relay.agentId });
 *     origin.start();
 *     const stream = await origin.connect({ host: 'example.com', port: 80 });
 *
 * Whatever has `close()` or `stop()` is closed by who made it; both may be called twice. Errors are `KistError`s with a
 * stable `code`; a wrong argument is a TypeError that names it. The test kit is `kist-relay/testing`.
 */
export {
  DISCOVERIES,
  RegistrationClient,
  RegistrationDiscovery,
  StaticDiscovery,
} from './discovery/index.js';
export type {
  Discovery,
  DiscoveryName,
  DiscoveryOptions,
  RegistrationClientOptions,
  RegistrationDiscoveryOptions,
  RelayRecord,
  StaticDiscoveryOptions,
} from './discovery/index.js';
export { makeConfig, SCHEMA } from './config/index.js';
export type { CheckedConfig, RelayConfig } from './config/index.js';
export { DataPlane } from './native/index.js';
export type {
  DataPlaneDependencies,
  DataPlaneOptions,
  NativeHistogram,
  NativeOwnerStats,
  NativeReactorStats,
  NativeSchedulerStats,
  NativeSocketOptions,
  NativeStats,
  SchedulerOptions,
} from './native/index.js';
export { DemoSite, EmbeddedNetwork, formatCircuit, runSmoke } from './network/index.js';
export type {
  EmbeddedNetworkOptions,
  HopCount,
  NetworkProgress,
  NetworkStats,
  ProxyAddress,
  SmokeReport,
  SmokeSubject,
} from './network/index.js';
export { Origin, OriginCircuit, OriginStream } from './origin/index.js';
export type { OriginOptions, OriginStats } from './origin/index.js';
export { HttpProxy } from './proxy/index.js';
export type { DialTarget, HttpProxyOptions, ProxySnapshot, StreamDialer } from './proxy/index.js';
export { RegistrationPage, RegistrationService } from './registration/index.js';
export type {
  Registration,
  RegistrationPageOptions,
  RegistrationServiceOptions,
  RegistrationServiceStats,
} from './registration/index.js';
export { DEFAULT_LIMITS, Relay } from './relay/index.js';
export type {
  ControlCounters,
  ExitPolicyOptions,
  RelayLimits,
  RelayOptions,
  RelayStats,
} from './relay/index.js';
export type { Clock, ClockTimer } from './util/clock.js';
export { KistError } from './util/errors.js';
export type { ErrorKind } from './util/errors.js';
export { createLogger } from './util/logger.js';
export type { Logger, LogLevel } from './util/logger.js';
