import { histogramFamily, singleFamily } from '../metrics/index.js';
import type { MetricFamily, MetricsSource, TorMetricsSink } from '../metrics/index.js';
import type { NativeHistogram, NativeReactorStats } from '../native/binding-types.js';
import type { TorRelayStats } from '../relay/tor/index.js';

const CELL_BYTES = 514;
const NANOSECONDS = 1e9;
const FLAGS = ['Fast', 'Exit', 'Authority', 'Stable', 'HSDir', 'Running', 'V2Dir', 'Sybil', 'Guard'] as const;
/** Types of handshakes, named alike by C tor's label and by the data plane. */
const ONION_TYPES = ['tap', 'fast', 'ntor', 'ntor_v3'] as const;

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
  for (const type of ONION_TYPES) {
    const { processed, dropped } = dataPlane.onions;
    sink.set('tor_relay_load_onionskins_total', { type, action: 'processed' }, processed[type] ?? 0);
    sink.set('tor_relay_load_onionskins_total', { type, action: 'dropped' }, dropped[type] ?? 0);
  }
  for (const type of FLAGS)
    sink.set('tor_relay_flag', { type }, stats.flags?.includes(type) === true ? 1 : 0);
  sink.set('tor_relay_streams_total', { type: 'BEGIN' }, control.streamsConnected);
}

function ownFamilies(stats: TorRelayStats): MetricFamily[] {
  const { dataPlane } = stats;
  return [
    ...relayFamilies(stats),
    ...schedulerFamilies(dataPlane.reactors),
    seconds('kist_onion_queue_delay_seconds', 'Waiting time of circuit handshakes.', [
      dataPlane.onions.queueDelayNs,
    ]),
  ];
}

function relayFamilies(stats: TorRelayStats): MetricFamily[] {
  const { nickname, fingerprint, dataPlane } = stats;
  const gauge = (name: string, help: string, value: number): MetricFamily =>
    singleFamily(name, 'gauge', help, value);
  return [
    singleFamily('kist_relay_info', 'gauge', 'Who this relay is.', 1, { nickname, fingerprint }),
    gauge('kist_uptime_seconds', 'Since its start.', stats.uptimeSeconds),
    gauge('kist_memory_bytes', 'Held in queues, rings and buffers.', dataPlane.memoryBytes),
    gauge('kist_memory_budget_bytes', 'What they may hold.', dataPlane.memoryBudget),
    gauge('kist_channels', 'Channels open or opening.', stats.channels),
    gauge('kist_exit_streams', 'Streams that end here.', stats.exitStreams),
  ];
}

function schedulerFamilies(reactors: readonly NativeReactorStats[]): MetricFamily[] {
  const kinds = ['timed', 'drain', 'light', 'full'] as const;
  const counter = (
    name: string,
    help: string,
    value: (reactor: NativeReactorStats) => number,
  ): MetricFamily =>
    singleFamily(
      name,
      'counter',
      help,
      reactors.reduce((sum, reactor) => sum + value(reactor), 0),
    );
  return [
    {
      name: 'kist_scheduler_runs_total',
      type: 'counter',
      help: 'Runs by what called for them.',
      samples: kinds.map((kind) => ({
        labels: { kind },
        value: reactors.reduce((sum, { scheduler }) => sum + scheduler[`${kind}Runs`], 0),
      })),
    },
    counter(
      'kist_limits_at_zero_total',
      'Write limits without room for a cell.',
      (of) => of.scheduler.limitsAtZero,
    ),
    counter('kist_tcp_info_calls_total', 'System calls for TCP_INFO.', (of) => of.scheduler.tcpInfoCalls),
    counter('kist_read_calls_total', 'System calls that read.', (of) => of.readCalls),
    counter('kist_write_calls_total', 'System calls that write.', (of) => of.writeCalls),
    counter('kist_reactor_cpu_seconds_total', 'CPU time of the reactors.', (of) => of.cpuNs / NANOSECONDS),
    seconds(
      'kist_queue_delay_seconds',
      'Waiting time of cells.',
      reactors.map((of) => of.scheduler.queueDelayNs),
    ),
    seconds(
      'kist_run_seconds',
      'Length of scheduler runs.',
      reactors.map((of) => of.scheduler.runNs),
    ),
  ];
}

/** Histograms of one kind with the same bounds, added up, in seconds. */
function seconds(name: string, help: string, histograms: readonly NativeHistogram[]): MetricFamily {
  const byBound = new Map<number, number>();
  for (const { bounds, counts } of histograms) {
    bounds.forEach((bound, i) => byBound.set(bound, (byBound.get(bound) ?? 0) + (counts[i] ?? 0)));
  }
  const entries = [...byBound].sort(([a], [b]) => a - b);
  return histogramFamily(name, help, {
    bounds: entries.map(([bound]) => bound / NANOSECONDS),
    counts: [...entries.map(([, count]) => count), 0],
    sum: histograms.reduce((total, { sum }) => total + sum, 0) / NANOSECONDS,
  });
}
