import { formatValue } from './metric-family.js';
import type { Labels, MetricFamily } from './metric-family.js';

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** `{type="OR",family="ipv4"}`, or nothing. */
export function formatLabels(labels: Labels = {}): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** The text format of Prometheus, version 0.0.4. */
export function formatFamilies(families: Iterable<MetricFamily>): string {
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const { suffix = '', labels, value } of samples)
      lines.push(`${name}${suffix}${formatLabels(labels)} ${formatValue(value)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}
