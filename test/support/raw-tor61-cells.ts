/**
 * Tor61 cells written and read byte by byte from the assignment's tables, sharing nothing with the product, so that
 * what goes over the wire is checked by a second opinion.
 */
export const CELL = {
  create: 1,
  created: 2,
  relay: 3,
  destroy: 4,
  open: 5,
  opened: 6,
  openFailed: 7,
  createFailed: 8,
} as const;

export const SAY = {
  begin: 1,
  data: 2,
  end: 3,
  connected: 4,
  extend: 6,
  extended: 7,
  beginFailed: 11,
  extendFailed: 12,
} as const;

export const CELL_LENGTH = 512;
export const LARGEST_BODY = 498;

/** A cell as it was read. The fields that its kind does not have hold whatever stands there. */
export interface RawCell {
  readonly bytes: Buffer;
  readonly circId: number;
  readonly kind: number;
  readonly openerId: number;
  readonly openedId: number;
  readonly streamId: number;
  readonly length: number;
  readonly says: number;
  /** At most 498 bytes, whatever the length says. */
  readonly body: Buffer;
}

export function plainCell(circId: number, kind: number): Buffer {
  const bytes = Buffer.alloc(CELL_LENGTH);
  bytes[0] = circId >> 8;
  bytes[1] = circId & 0xff;
  bytes[2] = kind;
  return bytes;
}

export const createCell = (circId: number): Buffer => plainCell(circId, CELL.create);
export const destroyCell = (circId: number): Buffer => plainCell(circId, CELL.destroy);

/** OPEN, OPENED or OPEN_FAILED; some agents put a circuit ID into it. */
export function openCell(kind: number, openerId: number, openedId: number, circId = 0): Buffer {
  const bytes = plainCell(circId, kind);
  bytes.writeUInt32BE(openerId, 3);
  bytes.writeUInt32BE(openedId, 7);
  return bytes;
}

export function sayCell(
  circId: number,
  streamId: number,
  says: number,
  body: Uint8Array | string = '',
): Buffer {
  const content = Buffer.from(body as string, 'latin1');
  if (content.length > LARGEST_BODY) throw new Error('use longData for more than 498 bytes');
  const bytes = plainCell(circId, CELL.relay);
  bytes.writeUInt16BE(streamId, 3);
  bytes.writeUInt16BE(content.length, 11);
  bytes[13] = says;
  content.copy(bytes, 14);
  return bytes;
}

/** One header, then the body through as many blocks of 512 as it needs, the last one padded. */
export function longData(circId: number, streamId: number, body: Uint8Array): Buffer {
  const blocks = Math.ceil((14 + body.length) / CELL_LENGTH);
  const bytes = Buffer.alloc(blocks * CELL_LENGTH);
  plainCell(circId, CELL.relay).copy(bytes);
  bytes.writeUInt16BE(streamId, 3);
  bytes.writeUInt16BE(body.length, 11);
  bytes[13] = SAY.data;
  bytes.set(body, 14);
  return bytes;
}

/** `host:port`, NUL, the agent ID in four bytes. */
export function extendBody(port: number, agentId: number, host = '127.0.0.1'): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(agentId);
  return Buffer.concat([Buffer.from(`${host}:${port}\0`, 'latin1'), id]);
}

export function readCell(bytes: Buffer): RawCell {
  const length = bytes.readUInt16BE(11);
  return {
    bytes,
    circId: bytes.readUInt16BE(0),
    kind: bytes.readUInt8(2),
    openerId: bytes.readUInt32BE(3),
    openedId: bytes.readUInt32BE(7),
    streamId: bytes.readUInt16BE(3),
    length,
    says: bytes.readUInt8(13),
    body: bytes.subarray(14, 14 + Math.min(length, LARGEST_BODY)),
  };
}

const NAMES = Object.fromEntries(Object.entries(CELL).map(([name, kind]) => [kind, name]));
const SAYS = Object.fromEntries(Object.entries(SAY).map(([name, says]) => [says, name]));

/** For messages of failed expectations. */
export function describeCell(cell: RawCell): string {
  const name = NAMES[cell.kind] ?? `kind ${cell.kind}`;
  if (cell.kind !== CELL.relay) return `${name} on circuit ${cell.circId}`;
  return `${SAYS[cell.says] ?? `message ${cell.says}`} of ${cell.length} bytes on circuit ${cell.circId}, stream ${cell.streamId}`;
}
