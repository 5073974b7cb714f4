import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { inParallel, runProcess } from './process.js';

const require = createRequire(import.meta.url);

/** Quick to compile and not slow to run; asserts of the product are always on. */
const FLAGS = ['-std=c++20', '-O1', '-fPIC', '-fno-rtti', '-w', '-MMD'];
/** doctest's main: every test program begins with it. */
const TEST_MAIN = 'test/native/main.cc';
const ADDON_FLAGS = [
  '-DNODE_GYP_MODULE_NAME=kist_relay',
  '-DNAPI_VERSION=9',
  '-DNODE_ADDON_API_DISABLE_DEPRECATED',
  '-DNAPI_DISABLE_CPP_EXCEPTIONS',
];

/** A breakage as the compiler sees it: a folder that holds the broken file, found before the whole one. */
export interface Overlay {
  readonly folder: string;
  /** The broken file, in the repository. */
  readonly file: string;
}

function listSources(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.cc'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/**
 * Builds C++ test programs and addons of one copy of the sources, whole or with one broken file. Everything whole is
 * compiled once; a breakage compiles what depends on the broken file, as far as it is part of the program, and links
 * those objects before the whole ones. The copy itself is never changed, so several breakages can be built at a time.
 */
export class Builder {
  readonly #root: string;
  readonly #jobs: number;
  readonly #objects: string;
  readonly #compiler = process.env['CXX'] ?? 'g++';
  /** What programs take from as they need it: the core, and what tests share. */
  readonly #library: readonly string[];
  /** Members of the library that a program takes, by program. */
  readonly #members = new Map<string, readonly string[]>();

  /** `root` holds native/ and test/native/. */
  constructor(root: string, jobs: number) {
    this.#root = root;
    this.#jobs = jobs;
    this.#objects = join(root, 'objects');
    const core = listSources(root, 'native').filter((path) => !path.startsWith('native/napi/'));
    const shared = listSources(root, 'test/native').filter(
      (path) => !path.endsWith('_test.cc') && path !== TEST_MAIN,
    );
    this.#library = [...core, ...shared];
  }

  /** Compiles the library, and what the programs of `tests` add to it; `withAddon`: the addon's own part. */
  async buildWhole(tests: readonly string[], withAddon: boolean): Promise<void> {
    mkdirSync(this.#objects);
    const addon = withAddon ? listSources(this.#root, 'native/napi') : [];
    const sources = [...this.#library, TEST_MAIN, ...tests, ...addon];
    await inParallel(sources, this.#jobs, (source) => this.#compile(source, this.#objects));
    const members = this.#library.map((source) => this.#object(source, this.#objects));
    await this.#run('ar', ['rcs', join(this.#objects, 'library.a'), ...members]);
  }

  /** Links the program that holds the tests of `file`; returns its path. */
  async linkTests(file: string, overlay?: Overlay): Promise<string> {
    return this.#link([TEST_MAIN, file], overlay, ['-pthread'], basename(file, '.cc'));
  }

  /** Links the addon; returns its path. */
  async linkAddon(overlay?: Overlay): Promise<string> {
    const own = listSources(this.#root, 'native/napi');
    return this.#link(own, overlay, ['-shared', '-pthread'], 'kist_relay.node');
  }

  async #link(
    own: readonly string[],
    overlay: Overlay | undefined,
    options: readonly string[],
    name: string,
  ): Promise<string> {
    const archive = join(this.#objects, 'library.a');
    // The addon finds OpenSSL inside Node.
    const libraries = options.includes('-shared') ? [] : ['-lssl', '-lcrypto'];
    const program = join(overlay?.folder ?? this.#objects, name);
    let objects = own.map((source) => this.#object(source, this.#objects));
    if (overlay === undefined) {
      const map = `${program}.map`;
      const mapped = [...options, ...objects, archive, ...libraries, `-Wl,-Map=${map}`];
      await this.#run(this.#compiler, [...mapped, '-o', program]);
      const text = readFileSync(map, 'utf8');
      rmSync(map);
      this.#members.set(
        name,
        this.#library.filter((source) => text.includes(`(${this.#object(source, '')})`)),
      );
      return program;
    }
    const broken = [...own, ...(this.#members.get(name) ?? [])].filter((source) =>
      this.#dependsOn(source, overlay.file),
    );
    if (broken.length === 0) throw new Error(`${overlay.file} is no part of ${name}`);
    for (const source of broken) await this.#compile(source, overlay.folder, overlay);
    const isBroken = new Set(broken);
    objects = [...new Set([...own, ...broken])].map((source) =>
      this.#object(source, isBroken.has(source) ? overlay.folder : this.#objects),
    );
    await this.#run(this.#compiler, [...options, ...objects, archive, ...libraries, '-o', program]);
    for (const source of broken) rmSync(this.#object(source, overlay.folder));
    return program;
  }

  async #compile(source: string, folder: string, overlay?: Overlay): Promise<void> {
    const isBroken = overlay?.file === source;
    const path = join(isBroken ? overlay.folder : this.#root, source);
    const isTest = source.startsWith('test/');
    const isAddon = source.startsWith('native/napi/');
    await this.#run(this.#compiler, [
      ...FLAGS,
      isTest ? '-fexceptions' : '-fno-exceptions',
      ...(overlay === undefined ? [] : ['-I', join(overlay.folder, 'native')]),
      '-I',
      join(this.#root, 'native'),
      '-I',
      join(this.#root, 'test/native'),
      ...(isAddon ? [...ADDON_FLAGS, ...this.#nodeIncludes()] : []),
      '-c',
      path,
      '-o',
      this.#object(source, folder),
    ]);
  }

  #nodeIncludes(): string[] {
    const ofApi = dirname(require.resolve('node-addon-api'));
    const prefix = process.env['npm_config_nodedir'] ?? resolve(process.execPath, '../..');
    return ['-isystem', ofApi, '-isystem', join(prefix, 'include/node')];
  }

  #dependsOn(source: string, file: string): boolean {
    if (source === file) return true;
    const dependencies = readFileSync(this.#object(source, this.#objects).replace(/o$/, 'd'), 'utf8');
    return dependencies.split(/\s+/).includes(join(this.#root, file));
  }

  #object(source: string, folder: string): string {
    return join(folder, `${source.slice(0, -'.cc'.length).replaceAll('/', '_')}.o`);
  }

  async #run(command: string, args: readonly string[]): Promise<string> {
    const { code, output } = await runProcess(command, args);
    if (code !== 0) throw new Error(`${command} failed:\n${output.slice(0, 4000)}`);
    return output;
  }
}
