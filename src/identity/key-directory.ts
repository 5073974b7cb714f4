import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf, KistError, messageOf } from '../util/errors.js';
import { decodeTagged, encodeTagged } from './tagged-file.js';

/**
 * The data directory of a relay and the `keys` folder in it, laid out and written byte for byte as C tor does, so that
 * an operator can change from one to the other and back with the same identity. Folders are made with mode 0700, files
 * with 0600. Every write goes to a file of another name first, is forced to disk and then renamed: a crash leaves the
 * old file or the new one. Writing keys is for whoever holds the lock (directory-lock.ts).
 */

/** No key file is anywhere near as large (bytes). */
const MAX_FILE_BYTES = 64 * 1024;

export interface KeyDirectoryOptions {
  /** DataDirectory. Made if absent. */
  readonly dataDirectory: string;
  /** KeyDirectory: `keys` in the data directory when absent. */
  readonly keyDirectory?: string;
  /** DataDirectoryGroupReadable and KeyDirectoryGroupReadable: folders with mode 0750. */
  readonly groupReadable?: boolean;
}

export class KeyDirectory {
  readonly dataDirectory: string;
  readonly path: string;

  private constructor(dataDirectory: string, path: string) {
    this.dataDirectory = dataDirectory;
    this.path = path;
  }

  /** Makes the folders if they are absent and takes rights of others away. Throws `ERR_KIST_KEYS`. */
  static open(options: KeyDirectoryOptions): KeyDirectory {
    const path = options.keyDirectory ?? join(options.dataDirectory, 'keys');
    const mode = options.groupReadable === true ? 0o750 : 0o700;
    for (const folder of [options.dataDirectory, path]) makePrivateFolder(folder, mode);
    return new KeyDirectory(options.dataDirectory, path);
  }

  has(name: string): boolean {
    return this.read(name) !== undefined;
  }

  /** The file's bytes, or undefined when there is none. An empty file is an error: it must not be taken for none. */
  read(name: string): Buffer | undefined {
    const path = join(this.path, name);
    const bytes = readIfPresent(path);
    if (bytes?.length === 0) {
      throw keyError(`${path} is empty. Restore it from a backup, or remove it to have a new one made`);
    }
    return bytes;
  }

  /** The body of a tagged file of exactly `length` bytes, or undefined when there is no such file. */
  readTagged(name: string, type: string, tag: string, length: number): Uint8Array | undefined {
    const bytes = this.read(name);
    if (bytes === undefined) return undefined;
    const body = decodeTagged(bytes, type, tag);
    if (body?.length !== length) {
      throw keyError(`${join(this.path, name)} is not "== ${type}: ${tag} ==" with ${length} bytes`);
    }
    return body;
  }

  write(name: string, bytes: Uint8Array | string): void {
    writeAtomically(join(this.path, name), bytes);
  }

  writeTagged(name: string, type: string, tag: string, body: Uint8Array): void {
    this.write(name, encodeTagged(type, tag, body));
  }

  /** Renames a key file over another, if it exists. */
  rename(from: string, to: string): void {
    if (this.has(from)) renameSync(join(this.path, from), join(this.path, to));
  }

  remove(name: string): void {
    rmSync(join(this.path, name), { force: true });
  }

  /** Writes a file of the data directory itself, such as `fingerprint`. */
  writeData(name: string, text: string): void {
    writeAtomically(join(this.dataDirectory, name), text);
  }
}

/** A key file or folder that cannot be used. `code` is `ERR_KIST_KEYS`. */
export function keyError(message: string, cause?: unknown): KistError {
  return new KistError('ERR_KIST_KEYS', message, 'operator', cause);
}

/** The file's bytes, or undefined when there is none. */
export function readIfPresent(path: string, maxBytes = MAX_FILE_BYTES): Buffer | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const { size } = fstatSync(descriptor);
    if (size > maxBytes) throw keyError(`${path} is larger than ${maxBytes} bytes`);
    return readFileSync(descriptor);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (error instanceof KistError) throw error;
    throw keyError(`cannot read ${path}: ${messageOf(error)}`, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Replaces the file's content as a whole, with mode 0600. */
export function writeAtomically(path: string, bytes: Uint8Array | string): void {
  const temporary = `${path}.tmp`;
  try {
    rmSync(temporary, { force: true });
    const descriptor = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(descriptor, bytes);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
    syncFolder(join(path, '..'));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw keyError(`cannot write ${path}: ${messageOf(error)}`, error);
  }
}

/** Makes the rename itself last. */
function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function makePrivateFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, { recursive: true, mode });
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      checkFolder(path, descriptor, mode);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof KistError) throw error;
    throw keyError(`cannot use the folder ${path}: ${messageOf(error)}`, error);
  }
}

function checkFolder(path: string, descriptor: number, mode: number): void {
  const found = fstatSync(descriptor);
  const user = process.geteuid?.();
  if (user !== undefined && found.uid !== user) {
    throw keyError(`the folder ${path} belongs to user ${found.uid}, not to ${user} who runs this relay`);
  }
  const excess = found.mode & 0o077 & ~mode;
  if (excess !== 0) chmodSync(path, found.mode & 0o7777 & ~excess);
}
