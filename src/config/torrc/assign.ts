import { findOption, listTorrcOptions } from './option-table.js';
import type { TorrcOption } from './option-table.js';
import { faultOf } from './option-types.js';
import type { TorrcLine } from './scan-lines.js';
import { TorrcError } from './torrc-error.js';
import type { Position } from './torrc-error.js';

/** Something an operator should know that is no reason to stop. */
export interface TorrcNotice {
  readonly level: 'notice' | 'warn';
  readonly text: string;
}

/** One value given to an option. A cleared option has the empty text. */
export interface GivenValue {
  readonly text: string;
  readonly position: Position;
  readonly option: TorrcOption;
}

/** Lines from one place: the defaults file, the torrc, the command line. */
export interface Layer {
  readonly lines: readonly TorrcLine[];
  readonly isArguments: boolean;
}

/** How many letters must be changed, left out or put in to make `b` of `a`; more than `limit` is not counted on. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function nearestName(name: string): string | undefined {
  if (name.length < 3 || name.length > 80) return undefined;
  const lower = name.toLowerCase();
  const close = listTorrcOptions()
    .filter((option) => Math.abs(option.name.length - name.length) <= 2)
    .map((option) => ({ name: option.name, distance: editDistance(lower, option.name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return close !== undefined && close.distance <= 2 ? close.name : undefined;
}

function unknown(name: string, position: Position): TorrcError {
  const nearest = nearestName(name);
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  return new TorrcError(`Unknown option '${name}'.  Failing.${hint}`, position);
}

/** Merges layers of lines as C tor does: later ones win, lists are replaced by a later layer unless it says `+`. */
class Assignment {
  readonly values = new Map<string, GivenValue[]>();
  readonly notices: TorrcNotice[] = [];

  addLayer({ lines, isArguments }: Layer): void {
    const seen = new Set<string>();
    for (const line of lines) {
      const option = this.#optionOf(line, isArguments);
      if (option.treatment === 'obsolete')
        this.#warn(`Skipping obsolete configuration option "${option.name}".`);
      else if (option.type === 'list') this.#assignToList(option, line, seen);
      else this.#assign(option, line, seen);
    }
  }

  #warn(text: string): void {
    this.notices.push({ level: 'warn', text });
  }

  #optionOf({ name, position }: TorrcLine, isArguments: boolean): TorrcOption {
    const { option, isVirtual, warning } = findOption(name, isArguments);
    if (warning !== undefined) this.#warn(warning);
    if (isVirtual)
      throw new TorrcError(`Could not parse ${name}: Cannot assign directly to virtual option.`, position);
    if (option === undefined) throw unknown(name, position);
    if (option.isDeprecated)
      this.#warn(`The ${option.name} option is deprecated, and will most likely be removed from Tor.`);
    return option;
  }

  #assign(option: TorrcOption, { value, position }: TorrcLine, seen: Set<string>): void {
    if (value !== '') {
      if (seen.has(option.name))
        this.#warn(`Option '${option.name}' used more than once; all but the last value will be ignored.`);
      seen.add(option.name);
      const fault = faultOf(option.type, value);
      if (fault !== undefined) throw new TorrcError(`Could not parse ${option.name}: ${fault}`, position);
    }
    this.values.set(option.key, [{ text: value, position, option }]);
  }

  #assignToList(option: TorrcOption, { value, command, position }: TorrcLine, seen: Set<string>): void {
    if (command === 'clear') {
      this.values.set(option.key, []);
    } else if (value === '') {
      this.#warn(`Linelist option '${option.name}' has no value. Skipping.`);
    } else {
      const isReplaced = !seen.has(option.key) && command !== 'append';
      seen.add(option.key);
      const kept = isReplaced ? [] : (this.values.get(option.key) ?? []);
      kept.push({ text: value, position, option });
      this.values.set(option.key, kept);
    }
  }
}

/** The values that the layers give, by option key, and what to tell. Throws TorrcError at the first wrong line. */
export function assignLayers(layers: readonly Layer[]): {
  values: ReadonlyMap<string, readonly GivenValue[]>;
  notices: readonly TorrcNotice[];
} {
  const assignment = new Assignment();
  for (const layer of layers) assignment.addLayer(layer);
  return assignment;
}
