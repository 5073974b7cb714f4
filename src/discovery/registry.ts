import type { Discovery } from './discovery.js';
import { RegistrationDiscovery } from './registration-discovery.js';
import type { RegistrationDiscoveryOptions } from './registration-discovery.js';
import { StaticDiscovery } from './static-discovery.js';
import type { StaticDiscoveryOptions } from './static-discovery.js';

/** What each source of relays is opened with. */
export interface DiscoveryOptions {
  registration: RegistrationDiscoveryOptions;
  static: StaticDiscoveryOptions;
}

export type DiscoveryName = keyof DiscoveryOptions;

/** Name -> factory. A new source is one file and one line here (and one above for its options). */
export const DISCOVERIES: {
  readonly [Name in DiscoveryName]: (options: DiscoveryOptions[Name]) => Promise<Discovery>;
} = {
  registration: (options) => RegistrationDiscovery.open(options),
  static: async (options) => new StaticDiscovery(options),
};
