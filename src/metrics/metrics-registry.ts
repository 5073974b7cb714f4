import { KistError } from '../util/errors.js';
import { formatFamilies } from './exposition.js';
import type { MetricFamily } from './metric-family.js';
import type { MetricsSource } from './metrics-source.js';
import { TorMetrics } from './tor-metrics.js';

const OWN_NAME = /^(kist_|process_)[a-z0-9_]+$/;

/** Puts the values of all sources together: C tor's families first, then those of our own. */
export class MetricsRegistry {
  readonly #sources: MetricsSource[] = [];

  add(source: MetricsSource): void {
    this.#sources.push(source);
  }

  families(): MetricFamily[] {
    const tor = new TorMetrics();
    for (const source of this.#sources) source.collectTor(tor);
    const own = new Map<string, MetricFamily>();
    for (const family of this.#sources.flatMap((source) => source.ownFamilies())) {
      const before = own.get(family.name);
      if (!OWN_NAME.test(family.name) || (before !== undefined && before.type !== family.type))
        throw new KistError('ERR_KIST_METRIC', `${family.name} is no name for a metric of ours`, 'bug');
      own.set(family.name, { ...family, samples: [...(before?.samples ?? []), ...family.samples] });
    }
    return [...tor.families(), ...own.values()];
  }

  /** The body of a scrape. */
  expose(): string {
    return formatFamilies(this.families());
  }
}
