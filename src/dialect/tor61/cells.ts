import { KistError } from '../../util/errors.js';

/**
 * Tor61 cells: 512 bytes, big endian. All begin with
 *
 *     0 circuit ID (2) | 2 command (1)
 *
 * and link cells (OPEN, OPENED, OPEN_FAILED; circuit ID 0) go on with
 *
 *     3 opener's agent ID (4) | 7 opened's agent ID (4) | padding
 */
export const CELL_BYTES = 512;

export const COMMAND = {
  create: 1,
  created: 2,
  relay: 3,
  destroy: 4,
  open: 5,
  opened: 6,
  openFailed: 7,
  createFailed: 8,
} as const;

export interface LinkCell {
  readonly command: number;
  readonly circId: number;
  readonly openerId: number;
  readonly openedId: number;
}

/** Encodes a link cell. `circId` is 0 but where a peer's own number is repeated. */
export function encodeLinkCell(cell: LinkCell): Buffer {
  const bytes = Buffer.alloc(CELL_BYTES);
  bytes.writeUInt16BE(cell.circId, 0);
  bytes.writeUInt8(cell.command, 2);
  bytes.writeUInt32BE(cell.openerId >>> 0, 3);
  bytes.writeUInt32BE(cell.openedId >>> 0, 7);
  return bytes;
}

/** Reads the header and the two agent IDs; anything of 11 bytes or more has them. */
export function parseLinkCell(cell: Uint8Array): LinkCell {
  if (cell.length < 11) throw new KistError('ERR_KIST_MALFORMED', `a link cell of ${cell.length} bytes`);
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  return {
    circId: view.getUint16(0),
    command: view.getUint8(2),
    openerId: view.getUint32(3),
    openedId: view.getUint32(7),
  };
}
