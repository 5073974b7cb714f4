import { documentError } from './document-error.js';

/**
 * Lists of protocol versions (tor-spec 9; dir-spec, "proto"): `Link=4-5 LinkAuth=3 Relay=1-2`. Versions are 0 to 63,
 * one bit each, so that no list can make its reader expand a range of billions.
 */
const MAX_VERSION = 63;
const MAX_NAME_LENGTH = 100;

export class Protocols {
  readonly #versions: ReadonlyMap<string, bigint>;

  private constructor(versions: ReadonlyMap<string, bigint>) {
    this.#versions = versions;
  }

  static readonly NONE = new Protocols(new Map());

  /** Reads a list; an empty one has no protocols. Throws `ERR_KIST_DOCUMENT` when it is malformed. */
  static parse(text: string): Protocols {
    const versions = new Map<string, bigint>();
    for (const entry of text.split(' ')) {
      if (entry === '') continue;
      const match = /^([A-Za-z0-9-]+)=([0-9,-]*)$/.exec(entry);
      const name = match?.[1];
      const list = match?.[2];
      if (name === undefined || list === undefined || name.length > MAX_NAME_LENGTH) throw malformed(entry);
      let bits = versions.get(name) ?? 0n;
      for (const range of list === '' ? [] : list.split(',')) bits |= rangeBits(entry, range);
      versions.set(name, bits);
    }
    return new Protocols(versions);
  }

  /** As `parse`, but undefined when malformed: what others say is not relied on then. */
  static tryParse(text: string): Protocols | undefined {
    try {
      return Protocols.parse(text);
    } catch {
      return undefined;
    }
  }

  supports(name: string, version: number): boolean {
    return version >= 0 && version <= MAX_VERSION && ((this.#bits(name) >> BigInt(version)) & 1n) === 1n;
  }

  /** Whether this version or a later one is in the list. */
  supportsAtLeast(name: string, version: number): boolean {
    return version <= MAX_VERSION && this.#bits(name) >> BigInt(Math.max(version, 0)) !== 0n;
  }

  /** What `required` lists and this does not: empty when everything required is supported. */
  missing(required: Protocols): Protocols {
    const versions = new Map<string, bigint>();
    for (const [name, bits] of required.#versions) {
      const absent = bits & ~this.#bits(name);
      if (absent !== 0n) versions.set(name, absent);
    }
    return new Protocols(versions);
  }

  get isEmpty(): boolean {
    return [...this.#versions.values()].every((bits) => bits === 0n);
  }

  get names(): string[] {
    return [...this.#versions.keys()];
  }

  /** The list as compact as it can be, in the order it was read in. */
  toString(): string {
    return [...this.#versions].map(([name, bits]) => `${name}=${formatBits(bits)}`).join(' ');
  }

  #bits(name: string): bigint {
    return this.#versions.get(name) ?? 0n;
  }
}

function rangeBits(entry: string, range: string): bigint {
  const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(range);
  const low = Number(match?.[1] ?? Number.NaN);
  const high = match?.[2] === undefined ? low : Number(match[2]);
  if (!(low <= high && high <= MAX_VERSION)) throw malformed(entry);
  return ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
}

function formatBits(bits: bigint): string {
  const ranges: string[] = [];
  for (let low = 0; low <= MAX_VERSION; low += 1) {
    if (((bits >> BigInt(low)) & 1n) === 0n) continue;
    let high = low;
    while (((bits >> BigInt(high + 1)) & 1n) === 1n) high += 1;
    ranges.push(low === high ? `${low}` : `${low}-${high}`);
    low = high;
  }
  return ranges.join(',');
}

function malformed(entry: string): Error {
  return documentError('protocol list', `malformed entry "${entry.slice(0, MAX_NAME_LENGTH)}"`);
}
