import type { BenchReport, CaseResult } from './bench-types.js';

/** Four significant digits, without exponents. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(4)));
}

type Notes = NonNullable<CaseResult['notes']>;

/** What all cases that have notes say alike; printed once. */
function commonNotes(cases: readonly CaseResult[]): Notes {
  const noted = cases.flatMap((result) => (result.notes === undefined ? [] : [result.notes]));
  const [first, ...others] = noted;
  const shared = Object.entries(first ?? {}).filter(([name, value]) =>
    others.every((notes) => notes[name] === value),
  );
  return Object.fromEntries(shared);
}

function noteText(notes: Notes, without: Notes = {}): string {
  return Object.entries(notes)
    .filter(([name]) => !(name in without))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** Why trials were not valid, below the table. */
function faults(cases: readonly CaseResult[]): string[] {
  return cases.flatMap(({ name, trials, invalid }) => {
    const count = trials.filter((trial) => trial === null).length;
    return invalid.length === 0
      ? []
      : [`${name}: ${count} of ${trials.length} trials not valid: ${invalid.join('; ')}`];
  });
}

/** The report as people read it. */
export function formatReport(report: BenchReport): string {
  const { machine } = report;
  const common = commonNotes(report.cases);
  const below = faults(report.cases);
  const rows = report.cases.map((result) => [
    result.name,
    result.value === null ? '-' : figure(result.value),
    result.spread === null ? '' : `${figure(result.spread[0])} .. ${figure(result.spread[1])}`,
    result.unit,
    String(result.trials.length),
    noteText(result.notes ?? {}, common),
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
    ...(noteText(common) === '' ? [] : [`All cases: ${noteText(common)}`]),
    '',
    line(head),
    ...rows.map((row) => line(row)),
    ...(below.length === 0 ? [] : ['', ...below]),
  ].join('\n');
}
