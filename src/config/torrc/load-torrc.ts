import { homedir } from 'node:os';
import { assignLayers } from './assign.js';
import type { Layer, TorrcNotice } from './assign.js';
import { buildConfig } from './build-config.js';
import { readTorrcFile, readTorrcText } from './include.js';
import type { TorrcText } from './include.js';
import type { TorrcLine } from './scan-lines.js';
import type { TorrcConfig } from './torrc-config.js';
import { diskFiles } from './torrc-files.js';
import type { TorrcFiles } from './torrc-files.js';
import { TorrcValues } from './torrc-values.js';

/** What makes a configuration, later ones over earlier ones. */
export interface TorrcSources {
  /** `--defaults-torrc`; it may be missing. */
  readonly defaultsFile?: string | undefined;
  /** `-f`; it must exist, unless `mayBeMissing`. */
  readonly file?: string | undefined;
  readonly mayBeMissing?: boolean;
  /** Instead of a file: text that came another way (standard input). */
  readonly text?: string | undefined;
  /** Options of the command line. */
  readonly arguments?: readonly TorrcLine[];
  readonly files?: TorrcFiles;
  /** What `~` stands for. */
  readonly home?: string;
}

export interface LoadedTorrc {
  readonly config: TorrcConfig;
  /** Every option as merged, also those without effect here. */
  readonly values: TorrcValues;
  /** What the defaults file alone gives. */
  readonly base: TorrcValues;
  /** What to tell, in order; no text comes twice. */
  readonly notices: readonly TorrcNotice[];
}

const NOTHING: TorrcText = { lines: [], files: [] };

function readOptional(file: string | undefined, files: TorrcFiles): TorrcText {
  if (file === undefined) return NOTHING;
  const kind = files.kind(file);
  return kind === 'file' || kind === 'empty' ? readTorrcFile(file, files) : NOTHING;
}

function readMain(sources: TorrcSources, files: TorrcFiles): TorrcText {
  if (sources.text !== undefined) return readTorrcText(sources.text, 'standard input', files);
  if (sources.mayBeMissing === true) return readOptional(sources.file, files);
  return sources.file === undefined ? NOTHING : readTorrcFile(sources.file, files);
}

/** Reads and checks a configuration. Throws TorrcError, with file and line, for what cannot be used. */
export function loadTorrc(sources: TorrcSources): LoadedTorrc {
  const files = sources.files ?? diskFiles;
  const defaults = readOptional(sources.defaultsFile, files);
  const main = readMain(sources, files);
  const layers: Layer[] = [
    { lines: defaults.lines, isArguments: false },
    { lines: main.lines, isArguments: false },
    { lines: sources.arguments ?? [], isArguments: true },
  ];
  const notices: TorrcNotice[] = [...defaults.files, ...main.files].map((file) => ({
    level: 'notice',
    text: `Read configuration file "${file}".`,
  }));
  const assigned = assignLayers(layers);
  notices.push(...assigned.notices);
  const values = new TorrcValues(assigned.values);
  const config = buildConfig(values, notices, sources.home ?? homedir());
  const base = new TorrcValues(assignLayers(layers.slice(0, 1)).values, config.testingTorNetwork);
  return { config, values, base, notices: withoutRepetition(notices) };
}

function withoutRepetition(notices: readonly TorrcNotice[]): TorrcNotice[] {
  return [...new Map(notices.map((notice) => [notice.text, notice])).values()];
}
