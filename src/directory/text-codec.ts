/** The small encodings that all directory documents share: hexadecimal, base64 with and without padding, times. */

/** Upper-case hexadecimal, as fingerprints and digests are written. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex').toUpperCase();
}

/** The bytes of exactly `length * 2` hexadecimal digits of either case, or undefined. */
export function fromHex(text: string, length: number): Uint8Array | undefined {
  if (text.length !== length * 2 || !/^[0-9A-Fa-f]*$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Base64 without the trailing `=`, as keys and digests are written on one line. */
export function toBase64(bytes: Uint8Array): string {
  return toPaddedBase64(bytes).replace(/=+$/, '');
}

export function toPaddedBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The bytes of base64 text, padded or not. Undefined: another alphabet, or another length than asked for. */
export function fromBase64(text: string, length?: number): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const digits = text.replace(/=+$/, '').length;
  if (digits % 4 === 1 || (digits !== text.length && text.length % 4 !== 0)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return length === undefined || bytes.length === length ? bytes : undefined;
}

/** An object between BEGIN and END lines, base64 in lines of 64, with a line feed after each line. */
export function formatObject(label: string, bytes: Uint8Array): string {
  const lines = toPaddedBase64(bytes).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** `YYYY-MM-DD HH:MM:SS`, UTC. */
export function formatTime(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ');
}

/** The time of `YYYY-MM-DD HH:MM:SS` (UTC), or undefined. */
export function parseTime(text: string): Date | undefined {
  if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text)) return undefined;
  const time = new Date(`${text.replace(' ', 'T')}Z`);
  // A 31st of February would silently become a day in March.
  return Number.isNaN(time.getTime()) || formatTime(time) !== text ? undefined : time;
}

/** A decimal number between two bounds, or undefined. Signs, spaces and leading `+` are refused. */
export function parseDecimal(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
