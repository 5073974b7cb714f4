/**
 * Discovery: how a relay is announced to a network and how others are found.
 *
 * A `Discovery` is open -> announced (kept known by itself, renewals included) -> closed. The table in `registry.ts`
 * names the sources: `registration`, over the Tor61 registration service's UDP protocol, and `static`, a fixed list.
 * `RegistrationClient` is the agent's side of that protocol: it owns two adjacent UDP ports, asks one thing at a time
 * through a `RegistrationExchange`, renews at half the lifetime and never gives up renewing.
 *
 * Called by relays when they come up and by origin circuits when they choose a path. It never connects to a relay and
 * never judges one: entries of dead relays are usual, and whoever builds a circuit must try others.
 */
export type { Discovery, RelayRecord } from './discovery.js';
export { DISCOVERIES } from './registry.js';
export type { DiscoveryName, DiscoveryOptions } from './registry.js';
export { RegistrationClient } from './registration-client.js';
export type { RegistrationClientOptions } from './registration-client.js';
export { RegistrationDiscovery } from './registration-discovery.js';
export type { RegistrationDiscoveryOptions } from './registration-discovery.js';
export { StaticDiscovery } from './static-discovery.js';
export type { StaticDiscoveryOptions } from './static-discovery.js';
