export type MetricType = 'counter' | 'gauge' | 'histogram';

/** Names and values of labels, in the order in which they are printed. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
  /** What follows the family's name: `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** One metric with all its series. */
export interface MetricFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** A gauge or counter of one series. */
export function singleFamily(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: number,
  labels?: Labels,
): MetricFamily {
  return { name, type, help, samples: [labels === undefined ? { value } : { labels, value }] };
}

/** Values counted in ranges: `counts[i]` of them were at most `bounds[i]`, and above the bound before. */
export interface HistogramValues {
  readonly bounds: readonly number[];
  /** One more than bounds: the last counts what lies above them all. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** A histogram as Prometheus reads it: counts add up, the last bound is infinity. */
export function histogramFamily(
  name: string,
  help: string,
  values: HistogramValues,
  labels: Labels = {},
): MetricFamily {
  let total = 0;
  const buckets = [...values.bounds, Infinity].map((bound, i): Sample => {
    total += values.counts[i] ?? 0;
    return { suffix: '_bucket', labels: { ...labels, le: formatValue(bound) }, value: total };
  });
  const rest: Sample[] = [
    { suffix: '_sum', labels, value: values.sum },
    { suffix: '_count', labels, value: total },
  ];
  return { name, type: 'histogram', help, samples: [...buckets, ...rest] };
}

/** A number as the text format writes it. */
export function formatValue(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return Number.isNaN(value) ? 'NaN' : String(value);
}
