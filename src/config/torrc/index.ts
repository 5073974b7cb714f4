/**
 * torrc: C tor's configuration, read as C tor reads it, so that a relay's operator can change programs and keep the
 * files. `parseTorArguments` reads the command line, `loadTorrc` the files (defaults, torrc, what they include) with
 * the command line over them; the result is a typed `TorrcConfig` and the notices to be logged.
 *
 * lines (`scan-lines`, `include`) -> options and lists (`assign`) -> values by type (`torrc-values`) -> `TorrcConfig`
 * (`build-config`). Every option of C tor is in one table (`option-table`) with what becomes of it here. A wrong line
 * is a `TorrcError` with file and line, and nothing else is ever thrown. Nothing here opens a socket or logs.
 */
export type { TorrcNotice } from './assign.js';
export { parseTorArguments } from './command-line.js';
export type { TorArguments, TorCommand } from './command-line.js';
export type { TorrcAuthority } from './dir-authority.js';
export { loadTorrc } from './load-torrc.js';
export type { LoadedTorrc, TorrcSources } from './load-torrc.js';
export { TOR_LOG_LEVELS } from './log-option.js';
export type { LogTarget, TorLogLevel } from './log-option.js';
export type { MetricsListener } from './metrics-port.js';
export { findOption, listDeprecatedNames, listTorrcOptions, optionNamed } from './option-table.js';
export type { TorrcOption, Treatment } from './option-table.js';
export type { OrPort } from './or-port.js';
export type { TorrcConfig } from './torrc-config.js';
export { TorrcError } from './torrc-error.js';
export type { TorrcFiles } from './torrc-files.js';
export { TorrcValues } from './torrc-values.js';
