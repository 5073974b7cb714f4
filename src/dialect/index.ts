/**
 * Dialects: what cells mean to the control plane. A `ControlDialect` decides the link handshake (as pure steps that
 * `src/relay/` carries out), says how circuits are created and extended, and reads and writes the relay messages that
 * JavaScript sees. It does no I/O, reads no clock and never sees a cell that only passes through.
 */
export type {
  ControlDialect,
  ExtendTarget,
  HopHandshake,
  LinkDialect,
  LinkHandshake,
  LinkSecrets,
  LinkStep,
  PeerId,
  RelayCommands,
  StreamTarget,
} from './control-dialect.js';
export { DIALECTS, dialectNamed } from './registry.js';
