import { histogramFamily, singleFamily } from '../metrics/index.js';
import type { MetricFamily, MetricsSource, TorMetricsSink } from '../metrics/index.js';
import type { NativeHistogram, NativeReactorStats } from '../native/binding-types.js';
import type { TorRelayStats } from '../relay/tor/index.js';

const CELL_BYTES = 514;
const NANOSECONDS = 1e9;
const FLAGS = ['Fast', 'Exit', 'Authority', 'Stable', 'HSDir', 'Running', 'V2Dir', 'Sybil', 'Guard'] as const;
/** Types of handshakes as C tor's label and as the data plane name them. */
const ONION_TYPES = [
  ['tap', 'tap'],
  ['fast', 'fast'],
  ['ntor', 'ntor'],
  ['ntor_v3', 'ntor-v3'],
] as const;

/** The values of a relay's metrics, read anew for each scrape; all zero before it runs. */
export function torRelayMetrics(read: () => TorRelayStats | undefined): MetricsSource {
  return {
    collectTor(sink) {
      const stats = read();
      if (stats !== undefined) collect(sink, stats);
    },
    ownFamilies() {
      const stats = read();
      return stats === undefined ? [] : ownFamilies(stats);
    },
  };
}

function collect(sink: TorMetricsSink, stats: TorRelayStats): void {
  const { connections, dataPlane, cells, control } = stats;
  sink.set('tor_relay_circuits_total', { state: 'opened' }, stats.circuits);
  for (const direction of ['received', 'initiated'] as const) {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const key = `${direction}IP${family.slice(2)}` as keyof typeof connections;
      const labels = { type: 'OR', direction, state: 'opened', family } as const;
      sink.set('tor_relay_connections', labels, connections[key]);
    }
  }
  sink.set('tor_relay_traffic_bytes', { direction: 'read' }, (cells?.cellsIn ?? 0) * CELL_BYTES);
  sink.set('tor_relay_traffic_bytes', { direction: 'written' }, (cells?.cellsOut ?? 0) * CELL_BYTES);
  for (const [type, name] of ONION_TYPES) {
    const { processed, dropped } = dataPlane.onions;
    sink.set('tor_relay_load_onionskins_total', { type, action: 'processed' }, processed[name] ?? 0);
    sink.set('tor_relay_load_onionskins_total', { type, action: 'dropped' }, dropped[name] ?? 0);
  }
  for (const type of FLAGS)
    sink.set('tor_relay_flag', { type }, stats.flags?.includes(type) === true ? 1 : 0);
  sink.set('tor_relay_streams_total', { type: 'BEGIN' }, control.streamsConnected);
}

function ownFamilies(stats: TorRelayStats): MetricFamily[] {
  const { dataPlane, nickname, fingerprint } = stats;
  const { reactors } = dataPlane;
  const info = { nickname, fingerprint };
  const kinds = ['timed', 'drain', 'light', 'full'] as const;
  const runs = kinds.map((kind) => ({
    labels: { kind },
    value: sumOf(reactors, ({ scheduler }) => scheduler[`${kind}Runs`]),
  }));
  return [
    singleFamily('kist_relay_info', 'gauge', 'Who this relay is.', 1, info),
    singleFamily('kist_uptime_seconds', 'gauge', 'Since its start.', stats.uptimeSeconds),
    singleFamily('kist_memory_bytes', 'gauge', 'Held in queues, rings and buffers.', dataPlane.memoryBytes),
    singleFamily('kist_memory_budget_bytes', 'gauge', 'What they may hold.', dataPlane.memoryBudget),
    singleFamily('kist_channels', 'gauge', 'Channels open or opening.', stats.channels),
    singleFamily('kist_exit_streams', 'gauge', 'Streams that end here.', stats.exitStreams),
    {
      name: 'kist_scheduler_runs_total',
      type: 'counter',
      help: 'Runs by what called for them.',
      samples: runs,
    },
    singleFamily(
      'kist_limits_at_zero_total',
      'counter',
      'Write limits that left no room for a cell.',
      sumOf(reactors, ({ scheduler }) => scheduler.limitsAtZero),
    ),
    singleFamily(
      'kist_tcp_info_calls_total',
      'counter',
      'System calls for TCP_INFO.',
      sumOf(reactors, ({ scheduler }) => scheduler.tcpInfoCalls),
    ),
    singleFamily(
      'kist_read_calls_total',
      'counter',
      'Reads.',
      sumOf(reactors, ({ readCalls }) => readCalls),
    ),
    singleFamily(
      'kist_write_calls_total',
      'counter',
      'Writes.',
      sumOf(reactors, ({ writeCalls }) => writeCalls),
    ),
    {
      name: 'kist_reactor_cpu_seconds_total',
      type: 'counter',
      help: 'CPU time of each reactor.',
      samples: reactors.map(({ cpuNs }, index) => ({
        labels: { reactor: String(index) },
        value: cpuNs / NANOSECONDS,
      })),
    },
    ...reactors.flatMap(({ scheduler }, index) => [
      seconds('kist_queue_delay_seconds', 'Waiting time of cells.', scheduler.queueDelayNs, index),
      seconds('kist_run_seconds', 'Length of scheduler runs.', scheduler.runNs, index),
    ]),
    seconds(
      'kist_onion_queue_delay_seconds',
      'Waiting time of circuit handshakes.',
      dataPlane.onions.queueDelayNs,
    ),
  ];
}

function sumOf(
  reactors: readonly NativeReactorStats[],
  value: (reactor: NativeReactorStats) => number,
): number {
  return reactors.reduce((sum, reactor) => sum + value(reactor), 0);
}

function seconds(name: string, help: string, histogram: NativeHistogram, reactor?: number): MetricFamily {
  const { bounds, counts, sum } = histogram;
  const values = {
    bounds: bounds.map((bound) => bound / NANOSECONDS),
    counts: [...counts, 0],
    sum: sum / NANOSECONDS,
  };
  return histogramFamily(name, help, values, reactor === undefined ? {} : { reactor: String(reactor) });
}
