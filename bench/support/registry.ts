import type { Bench } from './bench-types.js';
import { syscallsBench } from '../micro/syscalls-bench.js';
import { loneBench } from '../sched/lone-bench.js';
import { quietBench } from '../sched/quiet-bench.js';
import { relayBench } from '../throughput/relay-bench.js';
import { torMiddleBench } from '../tor/tor-middle-bench.js';

/** All benches by the order of their listing. To add one: a file that exports a Bench, and a line here. */
export const BENCHES: readonly Bench[] = [relayBench, syscallsBench, loneBench, quietBench, torMiddleBench];
