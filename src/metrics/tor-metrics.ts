import { KistError } from '../util/errors.js';
import { formatLabels } from './exposition.js';
import type { Labels, MetricFamily } from './metric-family.js';
import type { LabelsOf, TorMetricsSink } from './metrics-source.js';
import { SIGNING_CERT_FAMILY, TOR_FAMILIES } from './tor-families.js';
import type { TorFamily, TorFamilyName } from './tor-families.js';

const FAMILIES: readonly (readonly [string, TorFamily])[] = Object.entries(TOR_FAMILIES);

/** One spelling of a series, whatever order its labels were given in. */
function seriesKey(name: string, labels: Labels): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${name}${formatLabels(Object.fromEntries(sorted))}`;
}

/** The values of C tor's families for one scrape. Every series is there from the start, as 0. */
export class TorMetrics implements TorMetricsSink {
  readonly #values = new Map<string, number>();
  #signingCertExpiry: number | undefined;

  constructor() {
    for (const [name, { series }] of FAMILIES)
      for (const labels of series) this.#values.set(seriesKey(name, labels), 0);
  }

  set<Name extends TorFamilyName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    const key = seriesKey(name, labels as Labels);
    if (!this.#values.has(key)) throw new KistError('ERR_KIST_METRIC', `there is no series ${key}`, 'bug');
    this.#values.set(key, value);
  }

  setSigningCertExpiry(seconds: number): void {
    this.#signingCertExpiry = seconds;
  }

  families(): MetricFamily[] {
    const families = FAMILIES.map(([name, { type, help, series }]): MetricFamily => {
      const samples = series.map((labels) => ({
        labels,
        value: this.#values.get(seriesKey(name, labels)) ?? 0,
      }));
      return { name, type, help, samples };
    });
    if (this.#signingCertExpiry !== undefined)
      families.push({
        name: SIGNING_CERT_FAMILY,
        type: 'gauge',
        help: "When the signing key's certificate ends, in Unix seconds.",
        samples: [{ value: this.#signingCertExpiry }],
      });
    return families;
  }
}
