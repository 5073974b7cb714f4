import type { MetricFamily } from './metric-family.js';
import type { ConnectionType, TorFamilyName } from './tor-families.js';

/** The labels of C tor's families that have more than one series. */
export interface TorLabels {
  tor_relay_circuits_total: { state: 'opened' };
  tor_relay_congestion_control: { state: string; action: string };
  tor_relay_congestion_control_total: { state: string; action: string };
  tor_relay_connections: {
    type: ConnectionType;
    direction: 'initiated' | 'received';
    state: 'opened';
    family: 'ipv4' | 'ipv6';
  };
  tor_relay_connections_total: {
    type: ConnectionType;
    direction: 'initiated' | 'received';
    state: 'created' | 'rejected';
    family: 'ipv4' | 'ipv6';
  };
  tor_relay_dos_total: {
    type:
      | 'circuit_rejected'
      | 'circuit_killed_max_cell'
      | 'circuit_killed_max_cell_outq'
      | 'marked_address'
      | 'marked_address_maxq'
      | 'conn_rejected'
      | 'concurrent_conn_rejected'
      | 'single_hop_refused'
      | 'introduce2_rejected'
      | 'stream_rejected';
  };
  tor_relay_est_intro_total: { action: string };
  tor_relay_est_rend_total: { action: string };
  tor_relay_exit_dns_error_total: {
    reason:
      | 'success'
      | 'format'
      | 'serverfailed'
      | 'notexist'
      | 'notimpl'
      | 'refused'
      | 'truncated'
      | 'unknown'
      | 'tor_timeout'
      | 'shutdown'
      | 'cancel'
      | 'nodata';
  };
  tor_relay_flag: {
    type: 'Fast' | 'Exit' | 'Authority' | 'Stable' | 'HSDir' | 'Running' | 'V2Dir' | 'Sybil' | 'Guard';
  };
  tor_relay_intro1_total: { action: string };
  tor_relay_load_global_rate_limit_reached_total: { side: 'read' | 'write' };
  tor_relay_load_onionskins_total: {
    type: 'tap' | 'fast' | 'ntor' | 'ntor_v3';
    action: 'processed' | 'dropped';
  };
  tor_relay_load_oom_bytes_total: { subsys: 'cell' | 'dns' | 'geoip' | 'hsdir' };
  /** Without a label: the limit. */
  tor_relay_load_socket_total: { state?: 'opened' };
  tor_relay_rend1_total: { action: string };
  tor_relay_streams_total: { type: 'BEGIN' | 'BEGIN_DIR' | 'RESOLVE' };
  tor_relay_traffic_bytes: { direction: 'read' | 'written' };
}

/** What a family's series is chosen by; nothing where there is one only. */
export type LabelsOf<Name extends TorFamilyName> = Name extends keyof TorLabels
  ? TorLabels[Name]
  : Readonly<Record<string, never>>;

/** Takes the values of C tor's families. */
export interface TorMetricsSink {
  /** Sets one series; what is never set is printed as 0. */
  set<Name extends TorFamilyName>(name: Name, labels: LabelsOf<Name>, value: number): void;
  /** When the signing key's certificate ends, in Unix seconds; printed when it was set. */
  setSigningCertExpiry(seconds: number): void;
}

/** Where the values come from: asked anew for each scrape. */
export interface MetricsSource {
  collectTor(sink: TorMetricsSink): void;
  /** Our own families: names beginning with `kist_`. */
  ownFamilies(): readonly MetricFamily[];
}
