const SIMPLE: Readonly<Record<string, number>> = {
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  '"': 0x22,
  "'": 0x27,
  '\\': 0x5c,
};

interface Piece {
  readonly byte: number;
  readonly length: number;
}

function escapeAt(text: string, at: number): Piece | undefined {
  const simple = SIMPLE[text[at] ?? ''];
  if (simple !== undefined) return { byte: simple, length: 1 };
  const hex = /^[xX]([0-9A-Fa-f]{2})/.exec(text.slice(at, at + 3));
  if (hex !== null) return { byte: parseInt(hex[1] ?? '', 16), length: 3 };
  const octal = /^[0-7]{1,3}/.exec(text.slice(at, at + 3))?.[0];
  if (octal === undefined || parseInt(octal, 8) > 255) return undefined;
  return { byte: parseInt(octal, 8), length: octal.length };
}

/**
 * Decodes the C string whose opening quote stands at `start`: escapes are bytes, which together are UTF-8. `end` is the
 * place after the closing quote. Undefined: no closing quote on the line, or an unknown escape.
 */
export function unescapeQuoted(text: string, start: number): { value: string; end: number } | undefined {
  const parts: Buffer[] = [];
  let at = start + 1;
  for (;;) {
    const char = text[at];
    if (char === undefined || char === '\n') return undefined;
    if (char === '"') return { value: Buffer.concat(parts).toString('utf8'), end: at + 1 };
    if (char === '\\') {
      const piece = escapeAt(text, at + 1);
      if (piece === undefined) return undefined;
      parts.push(Buffer.from([piece.byte]));
      at += 1 + piece.length;
    } else {
      const point = String.fromCodePoint(text.codePointAt(at) ?? 0);
      parts.push(Buffer.from(point));
      at += point.length;
    }
  }
}
