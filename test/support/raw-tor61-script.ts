import { CELL, openCell, plainCell, SAY } from './raw-tor61-cells.js';
import type { RawCell } from './raw-tor61-cells.js';
import type { RawPeer } from './raw-tor61.js';

/** What a scripted router does instead of what it should; false: it did nothing, go on as usual. */
export type Deviation = (cell: RawCell, peer: RawPeer) => boolean;

/**
 * A router that says yes to everything: OPENED, CREATED, EXTENDED (so it plays all the hops of a circuit), CONNECTED;
 * unless its deviation takes a cell for itself. What else comes is the deviation's to answer.
 */
export function agreeable(deviation: Deviation = () => false): (peer: RawPeer) => void {
  return (peer) => {
    void serve(peer, deviation);
  };
}

async function serve(peer: RawPeer, deviation: Deviation): Promise<void> {
  for (;;) {
    const cell = await peer.next(60_000).catch(() => undefined);
    if (cell === undefined) return;
    if (!deviation(cell, peer)) agree(peer, cell);
  }
}

function agree(peer: RawPeer, cell: RawCell): void {
  const { kind, circId, says, streamId } = cell;
  if (kind === CELL.open) peer.send(openCell(CELL.opened, cell.openerId, cell.openedId));
  else if (kind === CELL.create) peer.send(plainCell(circId, CELL.created));
  else if (kind === CELL.relay && says === SAY.extend) peer.say(circId, streamId, SAY.extended);
  else if (kind === CELL.relay && says === SAY.begin) peer.say(circId, streamId, SAY.connected);
}

/** The port that an EXTEND names. */
export function extendPort(cell: RawCell): number {
  return Number(/:(\d+)\0/.exec(cell.body.toString('latin1'))?.[1]);
}
