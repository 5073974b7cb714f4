/** Why a circuit is torn down: the payload of DESTROY and TRUNCATED (tor-spec 5.4). */
export const DESTROY_REASON = {
  none: 0,
  protocol: 1,
  internal: 2,
  requested: 3,
  hibernating: 4,
  resourceLimit: 5,
  connectFailed: 6,
  identity: 7,
  channelClosed: 8,
  finished: 9,
  timeout: 10,
  destroyed: 11,
  noSuchService: 12,
} as const;

/** Why a stream ends: the first byte of END (tor-spec 6.3). */
export const END_REASON = {
  misc: 1,
  resolveFailed: 2,
  connectRefused: 3,
  exitPolicy: 4,
  destroy: 5,
  done: 6,
  timeout: 7,
  noRoute: 8,
  hibernating: 9,
  internal: 10,
  resourceLimit: 11,
  connectionReset: 12,
  protocol: 13,
  notDirectory: 14,
} as const;

function nameIn(table: Readonly<Record<string, number>>, reason: number): string {
  return Object.entries(table).find(([, number]) => number === reason)?.[0] ?? `reason ${reason}`;
}

export function destroyReasonName(reason: number): string {
  return nameIn(DESTROY_REASON, reason);
}

export function endReasonName(reason: number): string {
  return nameIn(END_REASON, reason);
}

/** Reason of a whole DESTROY cell, `none` where there is none to read; unknown ones are kept. */
export function parseDestroyReason(cell: Uint8Array): number {
  return cell[5] ?? DESTROY_REASON.none;
}
