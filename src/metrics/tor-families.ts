import type { Labels, MetricType } from './metric-family.js';

/** Connection types as C tor names them. */
export const CONNECTION_TYPES = [
  'OR listener',
  'OR',
  'Exit',
  'Socks listener',
  'Socks',
  'Directory listener',
  'Directory',
  'Control listener',
  'Control',
  'Transparent pf/netfilter listener',
  'Transparent natd listener',
  'DNS listener',
  'Extended OR',
  'Extended OR listener',
  'HTTP tunnel listener',
  'Metrics listener',
  'Metrics',
] as const;
export type ConnectionType = (typeof CONNECTION_TYPES)[number];

const DIRECTIONS = ['initiated', 'received'] as const;
const IP_FAMILIES = ['ipv4', 'ipv6'] as const;

/** One of C tor's families: its series are always all printed, zeros included. */
export interface TorFamily {
  readonly type: MetricType;
  readonly help: string;
  readonly series: readonly Labels[];
}

/** A family with one label: a series for each value. */
function by(label: string, ...values: readonly string[]): Labels[] {
  return values.map((value) => ({ [label]: value }));
}

/** `state` and `action` of the congestion control families. */
function states(table: Readonly<Record<string, string>>): Labels[] {
  return Object.entries(table).flatMap(([state, actions]) =>
    actions.split(' ').map((action) => ({ state, action })),
  );
}

function connections(): Labels[] {
  return CONNECTION_TYPES.flatMap((type) =>
    DIRECTIONS.flatMap((direction) =>
      IP_FAMILIES.map((family) => ({ type, direction, state: 'opened', family })),
    ),
  );
}

/** Only what was received can be rejected. */
function connectionTotals(): Labels[] {
  const kinds = [
    ['initiated', 'created'],
    ['received', 'created'],
    ['received', 'rejected'],
  ] as const;
  return CONNECTION_TYPES.flatMap((type) =>
    kinds.flatMap(([direction, state]) => IP_FAMILIES.map((family) => ({ type, direction, state, family }))),
  );
}

function onionskins(): Labels[] {
  return ['tap', 'fast', 'ntor', 'ntor_v3'].flatMap((type) =>
    ['processed', 'dropped'].map((action) => ({ type, action })),
  );
}

function counter(help: string, series: readonly Labels[] = [{}]): TorFamily {
  return { type: 'counter', help, series };
}

function gauge(help: string, series: readonly Labels[] = [{}]): TorFamily {
  return { type: 'gauge', help, series };
}

const DOS_TYPES = [
  'circuit_rejected',
  'circuit_killed_max_cell',
  'circuit_killed_max_cell_outq',
  'marked_address',
  'marked_address_maxq',
  'conn_rejected',
  'concurrent_conn_rejected',
  'single_hop_refused',
  'introduce2_rejected',
  'stream_rejected',
] as const;

const DNS_RESULTS = [
  'success',
  'format',
  'serverfailed',
  'notexist',
  'notimpl',
  'refused',
  'truncated',
  'unknown',
  'tor_timeout',
  'shutdown',
  'cancel',
  'nodata',
] as const;

/** The families of C tor 0.4.9 with their types, labels and values, oddities included: dashboards ask for them. */
export const TOR_FAMILIES = {
  tor_bug_reached_count: counter('Assertions that failed.'),
  tor_relay_circ_proto_violation_total: counter('Circuits closed for breaking the protocol.'),
  tor_relay_circuits_total: gauge('Circuits.', by('state', 'opened')),
  tor_relay_congestion_control: gauge(
    'Congestion control: averages.',
    states({
      slow_start_exit: 'cwnd bdp inc',
      on_circ_close: 'cwnd ss_cwnd',
      buffers: 'xon_outbuf xoff_outbuf',
      cc_backoff: 'chan_blocked_pct gamma_drop delta_drop ss_chan_blocked_pct',
      cc_cwnd_update: 'alpha_pct beta_pct delta_pct',
      cc_estimates: 'ss_queue queue bdp',
    }),
  ),
  tor_relay_congestion_control_total: counter(
    'Congestion control: events.',
    states({
      starvation: 'rtt_reset',
      clock_stalls: 'rtt_skipped',
      flow_control: 'xoff_num_sent xon_num_sent',
      cc_limits: 'above_delta above_ss_cwnd_max below_ss_inc_floor',
      cc_circuits: 'circs_created circs_closed circs_exited_ss',
    }),
  ),
  tor_relay_connections: gauge('Open connections.', connections()),
  tor_relay_connections_total: counter('Connections created and rejected.', connectionTotals()),
  tor_relay_destroy_cell_total: counter('DESTROY cells received.'),
  tor_relay_dos_total: counter('Defences against denial of service.', by('type', ...DOS_TYPES)),
  tor_relay_drop_cell_total: counter('DROP cells received.'),
  tor_relay_est_intro_total: counter(
    'ESTABLISH_INTRO cells received.',
    by('action', 'success', 'malformed', 'unsuitable_circuit', 'circuit_dead'),
  ),
  tor_relay_est_rend_total: counter(
    'ESTABLISH_RENDEZVOUS cells received.',
    by(
      'action',
      'success',
      'unsuitable_circuit',
      'single_hop',
      'malformed',
      'duplicate_cookie',
      'circuit_dead',
    ),
  ),
  tor_relay_exit_dns_error_total: counter('Answers to DNS queries, by result.', by('reason', ...DNS_RESULTS)),
  tor_relay_exit_dns_query_total: counter('DNS queries of this relay.'),
  tor_relay_flag: gauge(
    'Flags of this relay in the consensus.',
    by('type', 'Fast', 'Exit', 'Authority', 'Stable', 'HSDir', 'Running', 'V2Dir', 'Sybil', 'Guard'),
  ),
  tor_relay_intro1_total: counter(
    'INTRODUCE1 cells received.',
    by(
      'action',
      'success',
      'circuit_dead',
      'malformed',
      'unknown_service',
      'rate_limited',
      'circuit_reused',
      'single_hop',
    ),
  ),
  tor_relay_load_global_rate_limit_reached_total: counter(
    'Times that the bandwidth limit was reached.',
    by('side', 'read', 'write'),
  ),
  tor_relay_load_onionskins_total: counter('Circuit handshakes, by what became of them.', onionskins()),
  tor_relay_load_oom_bytes_total: counter(
    'Bytes freed because memory ran out.',
    by('subsys', 'cell', 'dns', 'geoip', 'hsdir'),
  ),
  // The series without a label is the limit.
  tor_relay_load_socket_total: gauge('Sockets: open, and how many there may be.', [{ state: 'opened' }, {}]),
  tor_relay_load_tcp_exhaustion_total: counter('Times that no TCP port was left.'),
  tor_relay_rend1_total: counter(
    'RENDEZVOUS1 cells received.',
    by('action', 'success', 'unsuitable_circuit', 'malformed', 'unknown_cookie', 'circuit_dead'),
  ),
  tor_relay_streams_total: counter('Streams asked for.', by('type', 'BEGIN', 'BEGIN_DIR', 'RESOLVE')),
  tor_relay_traffic_bytes: counter('Bytes of all traffic.', by('direction', 'read', 'written')),
} as const satisfies Readonly<Record<string, TorFamily>>;
export type TorFamilyName = keyof typeof TOR_FAMILIES;

/** Printed with OfflineMasterKey 1 only. */
export const SIGNING_CERT_FAMILY = 'tor_relay_signing_cert_expiry_timestamp';
