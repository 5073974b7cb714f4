/**
 * A relay of a Tor network: `TorRelay` decides about channels, circuits (`TorCircuit`, `Extension`) and streams
 * (`TorStreams`), publishes its descriptor (`Publisher`), follows the consensus (`ConsensusWatch`) and renews its keys
 * (`KeyRotation`). It shares channels, exit streams and names with the relay of the Tor61 dialect one folder up; what
 * cells mean is in `src/dialect/tor/`, documents are in `src/directory/`, keys in `src/identity/`. Cells in transit,
 * circuit handshakes and stream bytes never come here.
 */
export type { DirectoryAuthority } from './directory-client.js';
export { PLATFORM, PROTOCOLS, TorRelay } from './tor-relay.js';
export type { TorRelayStats } from './tor-relay.js';
export { TOR_PLANE } from './tor-relay-options.js';
export type { OrPort, TorRelayChanges, TorRelayOptions } from './tor-relay-options.js';
