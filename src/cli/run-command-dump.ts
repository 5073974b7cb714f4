import { listTorrcOptions } from '../config/torrc/index.js';
import type { TorrcOption, TorrcValues } from '../config/torrc/index.js';

/** A value as C tor writes it out: numbers without units, lists without blanks. */
function showValue(values: TorrcValues, { name, type }: TorrcOption): string | undefined {
  switch (type) {
    case 'bytes':
      return String(values.bytes(name));
    case 'interval':
    case 'csv-interval':
      return String(values.intervalMs(name) / 1000);
    case 'msec':
      return String(values.milliseconds(name));
    case 'int':
    case 'posint':
      return String(values.number(name));
    case 'real':
      return values.number(name).toFixed(6);
    case 'csv':
      return values.list(name).join(',');
    case 'bool':
      return values.isOn(name) ? '1' : '0';
    case 'autobool':
      return String(values.text(name) ?? '0').toLowerCase();
    case 'nodes':
      return values.text(name) ?? '';
    case 'text':
    case 'file':
    case 'list':
      return values.text(name);
  }
}

/** `__ORPort` and the like are C tor's own business. */
function isDumped({ name }: TorrcOption): boolean {
  return !name.startsWith('__');
}

function lineOf(name: string, value: string): string {
  return `${name} ${value}`.trimEnd();
}

function listLines(values: TorrcValues, name: string): string[] {
  return values.lines(name).map(({ text }) => lineOf(name, text));
}

function optionLines(values: TorrcValues, option: TorrcOption): string[] {
  if (option.type === 'list') return listLines(values, option.name);
  const value = showValue(values, option);
  return value === undefined ? [] : [lineOf(option.name, value)];
}

/**
 * `--dump-config`: `full` is every option that has a value; `short` those that differ from `base`, which is what the
 * defaults file alone gives.
 */
export function dumpConfig(values: TorrcValues, base: TorrcValues, form: 'short' | 'full'): string[] {
  return listTorrcOptions()
    .filter(isDumped)
    .flatMap((option) => {
      const lines = optionLines(values, option);
      const isSame = lines.join('\n') === optionLines(base, option).join('\n');
      return form === 'short' && isSame ? [] : lines;
    });
}
