/**
 * Embedded networks: everything a Tor61 network is made of in one process, on loopback.
 *
 * `EmbeddedNetwork` is starting -> running -> stopped; `runSmoke` tries one to the last byte and hop. Used by
 * `kist-relay network` (`npm start`), by tests and by programs. It decides which parts there are and how they are
 * joined, and nothing about cells, circuits or HTTP, which are the parts' own affair.
 */
export { CloseStack } from './close-stack.js';
export { DemoSite } from './demo-site.js';
export type { DemoResource } from './demo-site.js';
export { EmbeddedNetwork } from './embedded-network.js';
export type { NetworkStats } from './embedded-network.js';
export type { EmbeddedNetworkOptions, NetworkProgress } from './embedded-network-options.js';
export { formatCircuit } from './hops.js';
export { fetchThroughProxy } from './proxy-fetch.js';
export type { FetchedBody, ProxyAddress } from './proxy-fetch.js';
export { runSmoke } from './smoke.js';
export type { HopCount, SmokeReport, SmokeSubject } from './smoke.js';
