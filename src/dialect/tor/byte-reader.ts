import { KistError } from '../../util/errors.js';

export function malformed(message: string): KistError {
  return new KistError('ERR_KIST_MALFORMED', message);
}

/** Reads one big-endian field after the other; every failure names what is read and the field that is missing. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(field: string): number {
    return this.#bytes.readUInt8(this.#take(1, field));
  }

  u16(field: string): number {
    return this.#bytes.readUInt16BE(this.#take(2, field));
  }

  u32(field: string): number {
    return this.#bytes.readUInt32BE(this.#take(4, field));
  }

  /** A view, not a copy. */
  bytes(length: number, field: string): Buffer {
    const at = this.#take(length, field);
    return this.#bytes.subarray(at, at + length);
  }

  #take(length: number, field: string): number {
    const at = this.#offset;
    if (this.left < length)
      throw malformed(`${this.#what} is too short: ${field} needs ${length} bytes, ${this.left} are left`);
    this.#offset += length;
    return at;
  }
}
