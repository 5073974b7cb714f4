import type { Clock } from '../util/clock.js';
import { singleFamily } from './metric-family.js';
import type { MetricsSource } from './metrics-source.js';

/** Memory, CPU time and start of this process, under the names that Prometheus' own clients use. */
export function processMetrics(clock: Clock): MetricsSource {
  const startedAt = clock.date().getTime() / 1000 - process.uptime();
  return {
    collectTor: () => undefined,
    ownFamilies() {
      const { user, system } = process.cpuUsage();
      const memory = process.memoryUsage();
      return [
        singleFamily('process_resident_memory_bytes', 'gauge', 'Memory held by the process.', memory.rss),
        singleFamily(
          'process_cpu_seconds_total',
          'counter',
          'CPU time of all threads.',
          (user + system) / 1e6,
        ),
        singleFamily('process_start_time_seconds', 'gauge', 'When it started, Unix time.', startedAt),
        singleFamily('kist_heap_used_bytes', 'gauge', 'JavaScript heap in use.', memory.heapUsed),
      ];
    },
  };
}
