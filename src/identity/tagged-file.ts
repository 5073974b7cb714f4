/**
 * Tagged key files: 32 bytes `== type: tag ==`, filled up with NUL, then the body. The form of every key file that is
 * not RSA.
 */
const HEADER_BYTES = 32;

export function encodeTagged(type: string, tag: string, body: Uint8Array): Uint8Array {
  const header = Buffer.from(`== ${type}: ${tag} ==`, 'latin1');
  if (header.length >= HEADER_BYTES) throw new RangeError('the tag of a key file is too long');
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  bytes.set(header);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** The body, or undefined when the file has another type or tag. */
export function decodeTagged(bytes: Uint8Array, type: string, tag: string): Uint8Array | undefined {
  const expected = encodeTagged(type, tag, new Uint8Array());
  if (Buffer.compare(bytes.subarray(0, HEADER_BYTES), expected) !== 0) return undefined;
  return Uint8Array.from(bytes.subarray(HEADER_BYTES));
}
