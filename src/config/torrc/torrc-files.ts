import { readFileSync, readdirSync, statSync } from 'node:fs';

export type PathKind = 'file' | 'empty' | 'folder' | 'missing' | 'other';

/** Where torrc files come from: the disk, or a test's own table. Paths are as written in the torrc. */
export interface TorrcFiles {
  kind(path: string): PathKind;
  /** Throws what the system says when it cannot be read. */
  read(path: string): string;
  /** The names in a folder, in any order; none where it cannot be read. */
  list(folder: string): readonly string[];
}

/** More than this is no configuration. */
const MAX_FILE_BYTES = 10_000_000;

function kindOnDisk(path: string): PathKind {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 'missing';
  if (stats.isDirectory()) return 'folder';
  if (!stats.isFile()) return 'other';
  return stats.size === 0 ? 'empty' : 'file';
}

export const diskFiles: TorrcFiles = {
  kind(path) {
    try {
      return kindOnDisk(path);
    } catch {
      // Not a folder on the way, a loop of links, no permission.
      return 'missing';
    }
  },
  read(path) {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes`);
    return bytes.toString('utf8').replace(/^\uFEFF/, '');
  },
  list(folder) {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  },
};
