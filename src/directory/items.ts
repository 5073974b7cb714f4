import { documentError } from './document-error.js';
import { fromBase64 } from './text-codec.js';

/**
 * The tokenizer of directory documents (dir-spec, "Document meta-format"): keyword lines, each with arguments and
 * perhaps an object between BEGIN and END lines. It keeps the position of every item, because digests and signatures
 * cover ranges of bytes, and keeps items it knows nothing about. Parsers of single documents are built on it; it
 * verifies nothing by itself.
 *
 * Positions are offsets of bytes: the text is read as Latin-1, one character a byte, and only texts for people
 * (`utf8`) are decoded.
 */

/** A line longer than this, or an object larger than this, is an attack or a fault (bytes). */
export const MAX_LINE_BYTES = 128 * 1024;
const MAX_ARGUMENTS = 512;

export interface DocumentObject {
  /** What stands after BEGIN, such as `RSA PUBLIC KEY`. */
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** One keyword line with its object. */
export class DocumentItem {
  readonly keyword: string;
  /** The line after the keyword and the spaces that follow it, as Latin-1. */
  readonly text: string;
  readonly object: DocumentObject | undefined;
  /** Offset of the keyword's first byte. */
  readonly start: number;
  /** Offset of the first argument. */
  readonly textStart: number;
  /** Offset after the line feed of the last line, the object's END line included. */
  readonly end: number;
  /** Number of the keyword's line, from 1. */
  readonly line: number;

  constructor(fields: {
    keyword: string;
    text: string;
    object: DocumentObject | undefined;
    start: number;
    textStart: number;
    end: number;
    line: number;
  }) {
    this.keyword = fields.keyword;
    this.text = fields.text;
    this.object = fields.object;
    this.start = fields.start;
    this.textStart = fields.textStart;
    this.end = fields.end;
    this.line = fields.line;
  }

  /** The arguments between white space. */
  get args(): string[] {
    // Not trim(): in Latin-1 that would cut bytes of UTF-8 sequences off.
    return this.text.split(/[ \t\r]+/, MAX_ARGUMENTS + 2).filter((argument) => argument !== '');
  }

  /** The line's text for people, decoded from UTF-8. */
  get utf8(): string {
    return Buffer.from(this.text, 'latin1').toString('utf8');
  }
}

/** A document cut into items. */
export interface DocumentItems {
  readonly bytes: Uint8Array;
  /** The bytes as Latin-1: its indices are byte offsets. */
  readonly text: string;
  readonly items: readonly DocumentItem[];
}

export interface ItemLimits {
  /** Larger documents are refused before they are read. */
  readonly maxBytes: number;
}

/** Cuts a document into items. `name` opens the message of the error when it cannot. */
export function tokenize(name: string, bytes: Uint8Array, limits: ItemLimits): DocumentItems {
  if (bytes.length > limits.maxBytes) {
    throw documentError(name, `larger than ${limits.maxBytes} bytes (${bytes.length})`);
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const nul = text.indexOf('\0');
  if (nul >= 0) throw documentError(name, `a NUL byte at offset ${nul}`);
  const items: DocumentItem[] = [];
  const cursor = { name, text, offset: 0, line: 1 };
  for (;;) {
    const item = nextItem(cursor);
    if (item === undefined) return { bytes, text, items };
    items.push(item);
  }
}

interface Cursor {
  readonly name: string;
  readonly text: string;
  offset: number;
  line: number;
}

function nextItem(cursor: Cursor): DocumentItem | undefined {
  const { name, text } = cursor;
  while (text[cursor.offset] === '\n') step(cursor, cursor.offset + 1);
  if (cursor.offset >= text.length) return undefined;
  const { line, offset: start } = cursor;
  const lineText = takeLine(cursor);
  // Old documents put "opt" before lines that others need not know.
  const match = /^(?:opt[ \t]+)?([^ \t\r]+)[ \t]*/.exec(lineText);
  const keyword = match?.[1];
  if (match === null || keyword === undefined || keyword.startsWith('-----')) {
    throw documentError(name, `line ${line} does not begin with a keyword`);
  }
  const object = takeObject(cursor);
  return new DocumentItem({
    keyword,
    text: lineText.slice(match[0].length),
    object,
    start,
    textStart: start + match[0].length,
    end: cursor.offset,
    line,
  });
}

/** The line at the cursor without its line feed; the cursor moves behind it. */
function takeLine(cursor: Cursor): string {
  const feed = cursor.text.indexOf('\n', cursor.offset);
  const end = feed < 0 ? cursor.text.length : feed;
  if (end - cursor.offset > MAX_LINE_BYTES)
    throw documentError(cursor.name, `line ${cursor.line} is too long`);
  const line = cursor.text.slice(cursor.offset, end);
  step(cursor, Math.min(end + 1, cursor.text.length));
  return line;
}

function takeObject(cursor: Cursor): DocumentObject | undefined {
  const { name, text, line } = cursor;
  if (!text.startsWith('-----BEGIN ', cursor.offset)) return undefined;
  const label = /^-----BEGIN ([^\r]+)-----$/.exec(takeLine(cursor))?.[1];
  if (label === undefined) throw documentError(name, `line ${line}: malformed BEGIN line`);
  const start = cursor.offset;
  const end = text.indexOf('-----END ', start);
  if (end < 0 || end - start > MAX_LINE_BYTES)
    throw documentError(name, `line ${line}: the object has no end`);
  for (let feed = text.indexOf('\n', start); feed >= 0 && feed < end; feed = text.indexOf('\n', feed + 1)) {
    cursor.line += 1;
  }
  cursor.offset = end;
  if (takeLine(cursor) !== `-----END ${label}-----`) {
    throw documentError(name, `line ${line}: the END line does not match "${label}"`);
  }
  const bytes = fromBase64(text.slice(start, end).replace(/[ \t\r\n]+/g, ''));
  if (bytes === undefined) throw documentError(name, `line ${line}: the object is not base64`);
  return { label, bytes };
}

function step(cursor: Cursor, offset: number): void {
  cursor.offset = offset;
  cursor.line += 1;
}

/**
 * The offsets at which the documents of a concatenation begin: wherever a line begins with `keyword`. What stands
 * before the first (annotations, blank lines) belongs to no document.
 */
export function splitDocuments(bytes: Uint8Array, keyword: string): Uint8Array[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const starts: number[] = [];
  const pattern = new RegExp(`^${keyword}(?=[ \\n])`, 'gm');
  for (const match of text.matchAll(pattern)) starts.push(match.index);
  return starts.map((start, index) => bytes.subarray(start, starts[index + 1] ?? text.length));
}
