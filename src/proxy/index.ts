/**
 * The entries for applications. `HttpProxy` serves browsers; it is made by whoever owns circuits and gets
 * them as a `StreamDialer`, so this folder knows neither cells nor circuits. Head comment: http-proxy.ts.
 */
export { HttpProxy } from './http-proxy.js';
export type { HttpProxyOptions } from './proxy-options.js';
export type { ProxySnapshot } from './proxy-stats.js';
export type { DialTarget, StreamDialer } from './stream-dialer.js';
