/**
 * The relay: channels to other relays, circuits that others began here, exit streams.
 *
 * `Relay` owns a `ChannelManager` (one `PeerChannel` per connection) and one `RelayCircuit` per circuit; an
 * `ExitStream` decides where a stream may go and hands its socket to the data plane. Origin circuits share the
 * channels. Called by programs, `src/origin/` and `src/network/`. It never touches a cell that only passes through.
 */
export { DataPlane } from '../native/data-plane.js';
export type { DataPlaneOptions, SchedulerOptions } from '../native/data-plane-options.js';
export { ChannelManager } from './channel-manager.js';
export type { ChannelManagerInit } from './channel-manager.js';
export { newControlCounters } from './counters.js';
export type { ControlCounters } from './counters.js';
export { ExitPolicy } from './exit-policy.js';
export type { ExitPolicyOptions } from './exit-policy.js';
export { PeerChannel } from './peer-channel.js';
export { Relay } from './relay.js';
export type { RelayStats } from './relay.js';
export { DEFAULT_LIMITS } from './relay-limits.js';
export type { RelayLimits } from './relay-limits.js';
export type { RelayOptions } from './relay-options.js';
