/** What one unit counts, by its lower-case name; the empty name is a bare number. */
export type UnitTable = ReadonlyMap<string, number>;

const KIB = 1024;

/** `kb`, `kbyte`, `kbytes`, `kilobyte`, `kilobytes` and the same in bits, an eighth of them. */
function sizeUnits(letter: string, word: string, bytes: number): [string, number][] {
  const inBytes = [`${letter}b`, `${letter}byte`, `${letter}bytes`, `${word}byte`, `${word}bytes`];
  const inBits = [`${letter}bit`, `${letter}bits`, `${word}bit`, `${word}bits`];
  return [
    ...inBytes.map((name): [string, number] => [name, bytes]),
    ...inBits.map((name): [string, number] => [name, bytes / 8]),
  ];
}

/** In bytes. C tor knows a lone `m`, but neither `k` nor `g`. */
export const BYTE_UNITS: UnitTable = new Map([
  ...['', 'b', 'byte', 'bytes'].map((name): [string, number] => [name, 1]),
  ...sizeUnits('k', 'kilo', KIB),
  ['m', KIB ** 2],
  ...sizeUnits('m', 'mega', KIB ** 2),
  ...sizeUnits('g', 'giga', KIB ** 3),
  ...sizeUnits('t', 'tera', KIB ** 4),
]);

function timeUnits(perSecond: number, names: readonly (readonly [string, number])[]): [string, number][] {
  return names.flatMap(([name, seconds]): [string, number][] => [
    [name, seconds * perSecond],
    [`${name}s`, seconds * perSecond],
  ]);
}

const TIMES = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
  ['week', 604_800],
] as const;

/** In seconds. */
export const SECOND_UNITS: UnitTable = new Map([['', 1], ...timeUnits(1, [...TIMES, ['month', 2_629_728]])]);

/** In milliseconds. */
export const MILLISECOND_UNITS: UnitTable = new Map([
  ['', 1],
  ['msec', 1],
  ['millisecond', 1],
  ['milliseconds', 1],
  ...timeUnits(1000, TIMES),
]);

const INT64_MAX = 2 ** 63;

/** `number unit`, the number with or without a fraction; what is wrong otherwise. Fractions of the unit are cut off. */
export function parseUnits(text: string, units: UnitTable): { value: number } | { fault: string } {
  const match = /^\s*\+?(\d+(?:\.\d*)?|\.\d+)(.*)$/s.exec(text);
  if (match === null) return { fault: `Unable to parse ${text} as a number` };
  const unit = units.get((match[2] ?? '').trim().toLowerCase());
  if (unit === undefined) return { fault: `Unknown unit in ${text}` };
  const value = Math.floor(Number(match[1]) * unit);
  if (!(value < INT64_MAX)) return { fault: `Overflow while parsing ${text}` };
  return { value };
}
