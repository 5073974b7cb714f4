import assert from 'node:assert/strict';

export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

/** Text of one byte a character, as in \x escapes. */
export function raw(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

export function assertMalformed(parse: () => unknown, message: RegExp = /./): void {
  assert.throws(parse, { name: 'KistError', code: 'ERR_KIST_MALFORMED', message });
}
