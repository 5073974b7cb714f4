/**
 * Metrics: C tor's `tor_*` families with their names, labels and zeros unchanged, so that dashboards go on working,
 * and families of our own (`kist_*`). `MetricsRegistry` asks its `MetricsSource`s anew for every scrape and writes
 * Prometheus' text format; `MetricsServer` is MetricsPort. Who calls: the `run` command. Nothing here keeps time
 * series, knows a relay, or names a peer.
 */
export { formatFamilies } from './exposition.js';
export { histogramFamily, singleFamily } from './metric-family.js';
export type { HistogramValues, Labels, MetricFamily, MetricType, Sample } from './metric-family.js';
export { MetricsRegistry } from './metrics-registry.js';
export { MetricsServer } from './metrics-server.js';
export type { MetricsAddress, MetricsServerOptions } from './metrics-server.js';
export type { LabelsOf, MetricsSource, TorLabels, TorMetricsSink } from './metrics-source.js';
export { processMetrics } from './process-metrics.js';
export { CONNECTION_TYPES, SIGNING_CERT_FAMILY, TOR_FAMILIES } from './tor-families.js';
export type { ConnectionType, TorFamily, TorFamilyName } from './tor-families.js';
