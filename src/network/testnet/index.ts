/**
 * Test networks: a private Tor network on loopback of Debian's tor, for relays of ours to join.
 *
 * `TestNetwork` is starting -> voting -> ready -> closed. Used by `kist-relay testnet --with-tor`, by integration tests
 * and by the bench against C tor. It runs and watches C tor's processes (torrc options of `man tor`, section TESTING
 * NETWORK OPTIONS) and knows nothing of cells, circuits or our own relays. It opens no connection beyond 127.0.0.1, and
 * leaves neither processes nor files behind.
 */
export type { ConsensusEntries, ConsensusEntry } from './consensus-entries.js';
export type { ProcessMemory } from './process-memory.js';
export { TestNetwork, expectedFlags } from './test-network.js';
export type { TestNetworkOptions, TestNetworkProgress } from './test-network-options.js';
export type { TestNode, TestNodeRole } from './test-node.js';
export { findTorPrograms } from './tor-programs.js';
export type { TorPrograms } from './tor-programs.js';
