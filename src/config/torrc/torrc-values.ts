import type { GivenValue } from './assign.js';
import { listTorrcOptions, optionNamed } from './option-table.js';
import type { TorrcOption } from './option-table.js';
import { splitList } from './option-types.js';
import { TESTING_DEFAULTS } from './testing-network.js';
import { TorrcError } from './torrc-error.js';
import type { Position } from './torrc-error.js';
import { BYTE_UNITS, MILLISECOND_UNITS, SECOND_UNITS, parseUnits } from './units.js';
import type { UnitTable } from './units.js';

/** One line of a list option. */
export interface ListLine {
  readonly text: string;
  readonly position: Position;
}

function inUnits(text: string, units: UnitTable): number {
  const parsed = parseUnits(text, units);
  // Given values were checked when they were assigned; a cleared one counts as 0.
  return 'value' in parsed ? parsed.value : 0;
}

function hasTestingNetwork(given: ReadonlyMap<string, readonly GivenValue[]>): boolean {
  return given.get('TestingTorNetwork')?.[0]?.text === '1';
}

/** The merged configuration, read option by option in the option's own type. */
export class TorrcValues {
  readonly #given: ReadonlyMap<string, readonly GivenValue[]>;
  readonly #defaults: ReadonlyMap<string, string>;

  /** `isTesting`: whether the defaults are those of TestingTorNetwork; by what is given, if it is left out. */
  constructor(given: ReadonlyMap<string, readonly GivenValue[]>, isTesting = hasTestingNetwork(given)) {
    this.#given = given;
    this.#defaults = isTesting ? TESTING_DEFAULTS : new Map();
  }

  isGiven(name: string): boolean {
    return (this.#given.get(name)?.length ?? 0) > 0;
  }

  /** Where the option was set last. */
  position(name: string): Position | undefined {
    return this.#given.get(name)?.at(-1)?.position;
  }

  /** Refuses the option with a reason. */
  refuse(name: string, reason: string): never {
    throw new TorrcError(reason, this.position(name));
  }

  /** The text as given or by default; undefined when there is neither, or when it was cleared. */
  text(name: string): string | undefined {
    const text = this.#given.get(name)?.[0]?.text ?? this.#default(name);
    return text === '' ? undefined : text;
  }

  isOn(name: string): boolean {
    return this.text(name) === '1';
  }

  autoOrOn(name: string): boolean | 'auto' {
    const text = this.text(name)?.toLowerCase();
    return text === 'auto' ? 'auto' : text === '1';
  }

  number(name: string): number {
    return Number(this.text(name) ?? 0);
  }

  bytes(name: string): number {
    return inUnits(this.text(name) ?? '0', BYTE_UNITS);
  }

  /** Of an option in seconds, in milliseconds. */
  intervalMs(name: string): number {
    return inUnits((this.text(name) ?? '0').split(',', 1)[0] ?? '0', SECOND_UNITS) * 1000;
  }

  /** Of an option that C tor counts in milliseconds. */
  milliseconds(name: string): number {
    return inUnits(this.text(name) ?? '0', MILLISECOND_UNITS);
  }

  list(name: string): readonly string[] {
    return splitList(this.text(name) ?? '');
  }

  lines(name: string): readonly ListLine[] {
    return this.#given.get(name) ?? [];
  }

  /** Whether it was set to something else than what it is by default. Compares meanings, not spellings. */
  isChanged({ name, type, key }: TorrcOption): boolean {
    const values = this.#given.get(key);
    if (values === undefined) return false;
    if (type === 'list') return values.some(({ option }) => option.name === name);
    const plain = new TorrcValues(new Map());
    if (type === 'bytes') return this.bytes(name) !== plain.bytes(name);
    if (type === 'interval' || type === 'csv-interval')
      return this.intervalMs(name) !== plain.intervalMs(name);
    if (type === 'msec') return this.milliseconds(name) !== plain.milliseconds(name);
    if (type === 'csv') return this.list(name).join() !== plain.list(name).join();
    if (type === 'int' || type === 'posint' || type === 'real')
      return this.number(name) !== plain.number(name);
    return this.text(name)?.toLowerCase() !== plain.text(name)?.toLowerCase();
  }

  changedOptions(): readonly TorrcOption[] {
    return listTorrcOptions().filter((option) => this.isChanged(option));
  }

  /** Names of options that a reload cannot change, where this and the other differ. */
  fixedDifferences(other: TorrcValues): string[] {
    const fixed = listTorrcOptions().filter(({ isFixed, treatment }) => isFixed && treatment === 'honoured');
    return fixed.map(({ name }) => name).filter((name) => this.text(name) !== other.text(name));
  }

  #default(name: string): string | undefined {
    return this.#defaults.get(name) ?? optionNamed(name)?.default;
  }
}
