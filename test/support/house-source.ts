/** What the house tests know about source text: which files there are, and their code without comments or strings. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository: this file runs as dist/test/support/house-source.js. */
export const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

/** Files below `folders` whose names end in one of `endings`, in order of path. A missing folder holds none. */
export function readSources(folders: readonly string[], endings: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => walk(folder))
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }));
}

function walk(folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(join(repository, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? walk(path) : [path];
  });
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`/y;
// Only where an operand may stand; elsewhere a slash divides.
const REGEXP = /\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const BEFORE_OPERAND = /(?:^|[(,=:[!&|?{};+]|=>|\breturn)\s*$/;
// 1'000'000 in C++.
const DIGIT_SEPARATOR = /[0-9a-fA-F]$/;

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

/** The text with comments blanked, and strings too unless `keepStrings`; every line keeps its number. */
export function stripComments(text: string, keepStrings = false): string {
  let out = '';
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const comment = take(COMMENT);
    if (comment !== undefined) {
      out += blank(comment);
      at += comment.length;
      continue;
    }
    const tail = out.slice(-40);
    const quoted = text[at] === "'" && DIGIT_SEPARATOR.test(tail) ? undefined : take(STRING);
    const literal = quoted ?? (BEFORE_OPERAND.test(tail) ? take(REGEXP) : undefined);
    if (literal === undefined) {
      out += text[at];
      at += 1;
      continue;
    }
    out += keepStrings ? literal : `${literal[0]}${blank(literal.slice(1, -1))}${literal.at(-1)}`;
    at += literal.length;
  }
  return out;
}

/** The number of the line that holds offset `at`. */
export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

/** The words of an identifier: `maxCellSize`, `MAX_CELL_SIZE` and `max-cell-size` all give max, cell, size. */
export function wordsOf(identifier: string): string[] {
  return identifier
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}
