import type { Bench } from './bench-types.js';
import { relayBench } from '../throughput/relay-bench.js';

/** All benches by the order of their listing. To add one: a file that exports a Bench, and a line here. */
export const BENCHES: readonly Bench[] = [relayBench];
