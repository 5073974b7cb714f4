/**
 * Configuration: every option described once, in `schema.ts`, with its names (flag, code, torrc, environment), type,
 * default, range and help. A new option is one entry there and one field in `relay-config.ts`.
 *
 * `makeConfig` checks what a program passes, `configFromFlags` what a command line says; both give a whole
 * `RelayConfig` and warnings. The command line, the help and README's table are made from the same schema.
 * Nothing here reads a file, opens a socket or knows what an option does.
 */
export { configFromFlags } from './flags.js';
export type { Environment, Flags } from './flags.js';
export { makeConfig } from './make-config.js';
export type { CheckedConfig } from './make-config.js';
export { flagKey, flagSyntax } from './option.js';
export type { Option, OptionGroup } from './option.js';
export { renderOptionTable } from './option-table.js';
export { MUX_NAMES, SCHEDULER_NAMES } from './relay-config.js';
export type { MuxName, RelayConfig, SchedulerName } from './relay-config.js';
export { SCHEMA, listOptions } from './schema.js';
export type { NamedOption } from './schema.js';
export type { HostPort } from './value-kind.js';
