import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/** The programs of bench/native: built once, on first use. */
export class Programs {
  readonly #folder: string;
  #paths: Promise<Map<string, string>> | undefined;

  /** `folder`: the package's. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async path(name: string): Promise<string> {
    this.#paths ??= this.#build();
    const path = (await this.#paths).get(name);
    if (path === undefined) throw new Error(`no bench program named ${name}`);
    return path;
  }

  async #build(): Promise<Map<string, string>> {
    const script = join(this.#folder, 'native/build.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [script, 'bench'], {
      cwd: this.#folder,
      maxBuffer: 1 << 24,
    });
    const paths = stdout.split('\n').filter((line) => line.startsWith('/'));
    return new Map(paths.map((path) => [basename(path), path]));
  }
}
