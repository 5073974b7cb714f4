import type { ValueKind } from './value-kind.js';

/** Where an option belongs: what the help groups by, and which commands take it. */
export type OptionGroup = 'scheduler' | 'engine' | 'relay' | 'output';

/** One option, described once: flags, help, validation and README's table come from here. */
export interface Option<T> {
  readonly group: OptionGroup;
  readonly kind: ValueKind<T>;
  /** `--threads`; a switch that is on by default is written `--no-...`. */
  readonly flag: string;
  /** What follows the flag, for the help; a switch has none. */
  readonly argument?: string;
  /** Its name in a torrc, where there is one. */
  readonly torrc?: string;
  /** A variable of the environment that is read when the flag is not given. */
  readonly env?: string;
  readonly default: T;
  readonly help: string;
  /** Changes a valid value that is not used as it stands; with a warning when someone should know. */
  adjust?(value: T): { value: T; warning?: string };
}

/** The name under which commander keeps the flag's value: `--no-drain-wake` and `--drain-wake` are `drainWake`. */
export function flagKey(flag: string): string {
  const words = flag.replace(/^--(no-)?/, '').split('-');
  return words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('');
}

/** `--threads <n>` as commander and the help write it. */
export function flagSyntax(option: { flag: string; argument?: string }): string {
  return option.argument === undefined ? option.flag : `${option.flag} <${option.argument}>`;
}
