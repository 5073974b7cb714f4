/** The few forms of DER (X.690) that a certificate is made of. All return whole elements. */

function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  return new Uint8Array(Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content]));
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return element(0x30, ...elements);
}

export function derSet(...elements: readonly Uint8Array[]): Uint8Array {
  return element(0x31, ...elements);
}

/** A context tag around a whole element, such as `[0] EXPLICIT`. */
export function derExplicit(number: number, inner: Uint8Array): Uint8Array {
  return element(0xa0 | number, inner);
}

/** A positive integer, most significant byte first. */
export function derInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = bytes.subarray(start);
  const needsZero = ((digits[0] ?? 0) & 0x80) !== 0;
  return element(0x02, needsZero ? Uint8Array.of(0) : new Uint8Array(), digits);
}

export function derNull(): Uint8Array {
  return element(0x05);
}

/** An object identifier in dotted form. */
export function derOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(0x06, Uint8Array.from(bytes));
}

export function derUtf8(text: string): Uint8Array {
  return element(0x0c, Buffer.from(text, 'utf8'));
}

/** A bit string of whole bytes. */
export function derBits(bytes: Uint8Array): Uint8Array {
  return element(0x03, Uint8Array.of(0), bytes);
}

/** UTCTime until 2049, GeneralizedTime after that (RFC 5280, 4.1.2.5). */
export function derTime(time: Date): Uint8Array {
  const digits = time.toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const isShort = time.getUTCFullYear() < 2050;
  return element(isShort ? 0x17 : 0x18, Buffer.from(`${isShort ? digits.slice(2) : digits}Z`, 'latin1'));
}
