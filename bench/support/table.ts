import type { BenchReport, CaseResult } from './bench-types.js';

/** Four significant digits, without exponents. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(4)));
}

function notesOf(result: CaseResult): string {
  const notes = Object.entries(result.notes ?? {}).map(([name, value]) => `${name} ${value}`);
  return [...result.invalid.map((reason) => `not valid: ${reason}`), ...notes].join('; ');
}

/** The report as people read it. */
export function formatReport(report: BenchReport): string {
  const { machine } = report;
  const rows = report.cases.map((result) => [
    result.name,
    result.value === null ? '-' : figure(result.value),
    result.spread === null ? '' : `${figure(result.spread[0])} .. ${figure(result.spread[1])}`,
    result.unit,
    String(result.trials.length),
    notesOf(result),
  ]);
  const head = ['case', 'median', 'min .. max', 'unit', 'trials', 'notes'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (i === 1 || i === 4 ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [
    `${report.bench}, commit ${report.commit}, Node ${machine.node}`,
    `${machine.cores} cores of ${machine.cpu}, kernel ${machine.kernel}, system's congestion control ${machine.congestionControl}`,
    '',
    line(head),
    ...rows.map((row) => line(row)),
  ].join('\n');
}
