import { malformed } from './byte-reader.js';

/**
 * Tor cells as they are on the wire (tor-spec 3), of link protocol versions 4 and 5, big endian:
 *
 *     0 circuit ID (4) | 4 command (1) | 5 payload (509)                       all others
 *     0 circuit ID (4) | 4 command (1) | 5 length (2) | 7 payload (length)     commands from 128 up
 *     0 circuit ID (2) | 2 command (1) | 3 length (2) | 5 payload (length)     VERSIONS, before a version is agreed on
 */
export const CELL_BYTES = 514;
export const PAYLOAD_BYTES = 509;
/** Longest body of a relay message: the payload less 11 bytes of header. */
export const MAX_RELAY_BODY_BYTES = 498;

export const COMMAND = {
  padding: 0,
  create: 1,
  created: 2,
  relay: 3,
  destroy: 4,
  createFast: 5,
  createdFast: 6,
  versions: 7,
  netinfo: 8,
  relayEarly: 9,
  create2: 10,
  created2: 11,
  paddingNegotiate: 12,
  vpadding: 128,
  certs: 129,
  authChallenge: 130,
  authenticate: 131,
  authorize: 132,
} as const;

/** What a message calls a command. */
export function commandName(command: number): string {
  const name = Object.entries(COMMAND).find(([, number]) => number === command)?.[0];
  return name === undefined ? `command ${command}` : name.replace(/[A-Z]/g, '_$&').toUpperCase();
}

/** Whether cells of the command carry their length. */
export function isVariable(command: number): boolean {
  return command === COMMAND.versions || command >= 128;
}

/** A cell of fixed length, filled up with zeroes. */
export function encodeFixedCell(command: number, circId: number, payload: Uint8Array): Buffer {
  if (payload.length > PAYLOAD_BYTES)
    throw malformed(`${commandName(command)} cannot carry ${payload.length} bytes`);
  const cell = Buffer.alloc(CELL_BYTES);
  cell.writeUInt32BE(circId >>> 0, 0);
  cell.writeUInt8(command, 4);
  cell.set(payload, 5);
  return cell;
}

/** A cell of variable length and circuit ID 0. VERSIONS has the short circuit ID of the time before it. */
export function encodeVariableCell(command: number, payload: Uint8Array): Buffer {
  if (payload.length > 0xffff)
    throw malformed(`${commandName(command)} cannot carry ${payload.length} bytes`);
  const idBytes = command === COMMAND.versions ? 2 : 4;
  const head = Buffer.alloc(idBytes + 3);
  head.writeUInt8(command, idBytes);
  head.writeUInt16BE(payload.length, idBytes + 1);
  return Buffer.concat([head, payload]);
}

/** Payload of a whole cell of the given command: a view. Fixed cells may have been cut short by who hands them over. */
export function payloadOf(cell: Uint8Array, command: number): Uint8Array {
  const idBytes = command === COMMAND.versions ? 2 : 4;
  const start = idBytes + (isVariable(command) ? 3 : 1);
  if (cell.length < start) throw malformed(`a ${commandName(command)} cell of ${cell.length} bytes`);
  if (cell[idBytes] !== command)
    throw malformed(`a cell of command ${cell[idBytes]} in place of ${commandName(command)}`);
  if (isVariable(command)) {
    const length = new DataView(cell.buffer, cell.byteOffset).getUint16(idBytes + 1);
    if (length !== cell.length - start)
      throw malformed(`a ${commandName(command)} cell of length ${length} with ${cell.length - start} bytes`);
  }
  return cell.subarray(start);
}
