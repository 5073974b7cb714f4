/**
 * Circuits of our own and streams over them.
 *
 * `Origin` keeps one circuit alive and gives out streams over it; `OriginCircuit` is one circuit, built hop by hop by
 * `circuit-builder.ts` along a `PathChoice`; `OriginStream` is a Duplex over it. Called by proxies, scanners and
 * programs. It never listens: its circuits go out over a relay's channels.
 */
export { buildPath, buildRandom } from './circuit-builder.js';
export type { BuildOptions, RandomBuildOptions } from './circuit-builder.js';
export { Origin } from './origin.js';
export type { OriginStats } from './origin.js';
export { OriginCircuit } from './origin-circuit.js';
export type { OriginCircuitInit } from './origin-circuit.js';
export type { OriginOptions } from './origin-options.js';
export { OriginStream } from './origin-stream.js';
export { PathChoice } from './path-choice.js';
