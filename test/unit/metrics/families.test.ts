import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONNECTION_TYPES,
  MetricsRegistry,
  TOR_FAMILIES,
  histogramFamily,
  singleFamily,
} from '../../../src/metrics/index.js';
import type { MetricFamily, MetricsSource, TorMetricsSink } from '../../../src/metrics/index.js';

/** How many series each family of C tor 0.4.9.11 has, as counted on one. */
const SERIES: Readonly<Record<string, readonly [type: string, series: number]>> = {
  tor_bug_reached_count: ['counter', 1],
  tor_relay_circ_proto_violation_total: ['counter', 1],
  tor_relay_circuits_total: ['gauge', 1],
  tor_relay_congestion_control: ['gauge', 17],
  tor_relay_congestion_control_total: ['counter', 10],
  tor_relay_connections: ['gauge', 68],
  tor_relay_connections_total: ['counter', 102],
  tor_relay_destroy_cell_total: ['counter', 1],
  tor_relay_dos_total: ['counter', 10],
  tor_relay_drop_cell_total: ['counter', 1],
  tor_relay_est_intro_total: ['counter', 4],
  tor_relay_est_rend_total: ['counter', 6],
  tor_relay_exit_dns_error_total: ['counter', 12],
  tor_relay_exit_dns_query_total: ['counter', 1],
  tor_relay_flag: ['gauge', 9],
  tor_relay_intro1_total: ['counter', 7],
  tor_relay_load_global_rate_limit_reached_total: ['counter', 2],
  tor_relay_load_onionskins_total: ['counter', 8],
  tor_relay_load_oom_bytes_total: ['counter', 4],
  tor_relay_load_socket_total: ['gauge', 2],
  tor_relay_load_tcp_exhaustion_total: ['counter', 1],
  tor_relay_rend1_total: ['counter', 5],
  tor_relay_streams_total: ['counter', 3],
  tor_relay_traffic_bytes: ['counter', 2],
};

function source(
  collectTor: (sink: TorMetricsSink) => void,
  own: readonly MetricFamily[] = [],
): MetricsSource {
  return { collectTor, ownFamilies: () => own };
}

function expose(...sources: readonly MetricsSource[]): string {
  const registry = new MetricsRegistry();
  for (const each of sources) registry.add(each);
  return registry.expose();
}

test("C tor's 24 families have its types and numbers of series", () => {
  const found = Object.entries(TOR_FAMILIES).map(([name, { type, series }]) => [name, [type, series.length]]);
  assert.deepEqual(Object.fromEntries(found), SERIES);
  assert.equal(CONNECTION_TYPES.length, 17);
});

test('every series is there before anything happened, as 0', () => {
  const lines = expose().trim().split('\n');
  const samples = lines.filter((line) => !line.startsWith('#'));
  const expected = Object.values(SERIES).reduce((sum, [, series]) => sum + series, 0);
  assert.equal(samples.length, expected);
  assert.equal(new Set(samples).size, expected);
  assert.ok(samples.every((line) => line.endsWith(' 0')));
  assert.equal(lines.length, expected + 2 * 24);
});

test('what a source sets is printed, with labels in C tor’s order', () => {
  const text = expose(
    source((sink) => {
      sink.set(
        'tor_relay_connections',
        { family: 'ipv6', type: 'OR', direction: 'received', state: 'opened' },
        7,
      );
      sink.set('tor_relay_traffic_bytes', { direction: 'read' }, 2 ** 53);
      sink.set('tor_relay_load_socket_total', {}, 1024);
      sink.set('tor_relay_drop_cell_total', {}, 3);
    }),
  );
  for (const line of [
    'tor_relay_connections{type="OR",direction="received",state="opened",family="ipv6"} 7',
    'tor_relay_connections{type="OR",direction="received",state="opened",family="ipv4"} 0',
    'tor_relay_traffic_bytes{direction="read"} 9007199254740992',
    'tor_relay_load_socket_total{state="opened"} 0',
    'tor_relay_load_socket_total 1024',
    'tor_relay_drop_cell_total 3',
    '# TYPE tor_relay_drop_cell_total counter',
  ])
    assert.ok(text.split('\n').includes(line), line);
});

test('the time of the signing certificate is printed only when it is given', () => {
  assert.ok(!expose().includes('signing_cert_expiry'));
  const text = expose(source((sink) => sink.setSigningCertExpiry(1_800_000_000)));
  assert.match(text, /^tor_relay_signing_cert_expiry_timestamp 1800000000$/m);
});

test('a series that C tor does not have is a fault', () => {
  const wrong = source((sink) => sink.set('tor_relay_intro1_total', { action: 'unheard_of' }, 1));
  assert.throws(() => expose(wrong), { code: 'ERR_KIST_METRIC', message: /unheard_of/ });
});

test('our own families follow, those of one name together, and are named kist_ or process_', () => {
  const a = singleFamily('kist_cells', 'gauge', 'Cells.\nTwo lines.', 1, { name: 'a "b" \\ c\nd' });
  const b = singleFamily('kist_cells', 'gauge', 'Cells.\nTwo lines.', 2, { name: 'b' });
  const text = expose(
    source(() => undefined, [a]),
    source(() => undefined, [b]),
  );
  assert.ok(
    text.endsWith(
      '# HELP kist_cells Cells.\\nTwo lines.\n# TYPE kist_cells gauge\n' +
        'kist_cells{name="a \\"b\\" \\\\ c\\nd"} 1\nkist_cells{name="b"} 2\n',
    ),
  );
  const foreign = source(() => undefined, [singleFamily('tor_own', 'gauge', '', 1)]);
  assert.throws(() => expose(foreign), { code: 'ERR_KIST_METRIC' });
});

test('a histogram adds its counts up', () => {
  const family = histogramFamily(
    'kist_delay',
    'Delay.',
    { bounds: [1, 2.5], counts: [3, 4, 5], sum: 20 },
    { a: 'b' },
  );
  const text = expose(source(() => undefined, [family]));
  assert.ok(
    text.endsWith(
      'kist_delay_bucket{a="b",le="1"} 3\nkist_delay_bucket{a="b",le="2.5"} 7\n' +
        'kist_delay_bucket{a="b",le="+Inf"} 12\nkist_delay_sum{a="b"} 20\nkist_delay_count{a="b"} 12\n',
    ),
  );
});
