import { scanLines } from './scan-lines.js';
import type { TorrcLine } from './scan-lines.js';
import { TorrcError } from './torrc-error.js';
import type { Position } from './torrc-error.js';
import type { TorrcFiles } from './torrc-files.js';
import { expandWildcards, hasWildcards } from './wildcards.js';

/** C tor's limit on files that include files. */
const MAX_DEPTH = 31;
/** Files that include each other twice would be read without end. */
const MAX_INCLUDED = 1000;

/** The lines of a configuration and the files that they came from. */
export interface TorrcText {
  readonly lines: readonly TorrcLine[];
  /** What was read: each file's path, in order. */
  readonly files: readonly string[];
}

class Reader {
  readonly lines: TorrcLine[] = [];
  readonly files: string[] = [];
  readonly #source: TorrcFiles;

  constructor(source: TorrcFiles) {
    this.#source = source;
  }

  add(text: string, file: string, depth: number): void {
    this.files.push(file);
    for (const line of scanLines(text, file)) {
      if (line.command === 'set' && line.name === '%include') this.#include(line, depth);
      else this.lines.push(line);
    }
  }

  #include({ value, position }: TorrcLine, depth: number): void {
    const refuse = (why: string): never => {
      throw new TorrcError(
        `Error reading included configuration file or directory "${value}": ${why}`,
        position,
      );
    };
    if (depth >= MAX_DEPTH) refuse(`more than ${MAX_DEPTH} nested %includes`);
    for (const path of this.#filesAt(value, refuse)) {
      if (this.files.length >= MAX_INCLUDED) refuse(`more than ${MAX_INCLUDED} files are included`);
      this.add(readOrRefuse(this.#source, path, position), path, depth + 1);
    }
  }

  /** What a path or pattern stands for: files, and the files of folders but for those that begin with a dot. */
  #filesAt(pattern: string, refuse: (why: string) => never): string[] {
    const found: string[] = [];
    for (const path of hasWildcards(pattern) ? expandWildcards(pattern, this.#source) : [pattern]) {
      const kind = this.#source.kind(path);
      if (kind === 'file') found.push(path);
      else if (kind === 'folder') found.push(...this.#filesIn(path));
      else if (kind !== 'empty') refuse(kind === 'missing' ? 'no such file' : 'not a file');
    }
    return found;
  }

  #filesIn(folder: string): string[] {
    const names = [...this.#source.list(folder)].filter((name) => !name.startsWith('.')).sort();
    return names.map((name) => `${folder}/${name}`).filter((path) => this.#source.kind(path) === 'file');
  }
}

function readOrRefuse(source: TorrcFiles, path: string, position?: Position): string {
  try {
    return source.read(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TorrcError(`Unable to read configuration file "${path}": ${why}`, position);
  }
}

/** The lines of a torrc's text with those of all files that it includes, in their places. */
export function readTorrcText(text: string, file: string, source: TorrcFiles): TorrcText {
  const reader = new Reader(source);
  reader.add(text, file, 0);
  return { lines: reader.lines, files: reader.files };
}

/** The same from a file, which must exist and be an ordinary file. */
export function readTorrcFile(file: string, source: TorrcFiles): TorrcText {
  const kind = source.kind(file);
  if (kind !== 'file' && kind !== 'empty')
    throw new TorrcError(`Unable to open configuration file "${file}".`);
  return readTorrcText(kind === 'empty' ? '' : readOrRefuse(source, file), file, source);
}
