import { KistError } from '../../util/errors.js';
import type { LinkHandshake, LinkStep } from '../control-dialect.js';
import { COMMAND, encodeLinkCell, parseLinkCell } from './cells.js';
import { routerLabel } from './router-name.js';

/** Some agents send OPEN_FAILED and then OPENED: so long the better answer is waited for. */
const REFUSAL_GRACE_MS = 300;
const NOTHING: LinkStep = {};

/** OPENED with the OPEN's circuit ID and agent IDs as they came. */
function openedFor(open: Uint8Array): Uint8Array {
  return encodeLinkCell({ ...parseLinkCell(open), command: COMMAND.opened });
}

/** The side that made the TCP connection: OPEN, then OPENED. Sends nothing between the two. */
export class OpenerHandshake implements LinkHandshake {
  readonly isInitiator = true;
  readonly #selfId: number;
  readonly #peerId: number;
  #isOpen = false;

  constructor(selfId: number, peerId: number) {
    this.#selfId = selfId;
    this.#peerId = peerId;
  }

  start(): LinkStep {
    const ids = { openerId: this.#selfId, openedId: this.#peerId };
    return { send: encodeLinkCell({ command: COMMAND.open, circId: 0, ...ids }) };
  }

  receive(command: number, _circId: number, cell: Uint8Array): LinkStep {
    if (command === COMMAND.open) return { send: openedFor(cell) };
    if (this.#isOpen) return NOTHING;
    if (command === COMMAND.opened) return this.#opened(cell);
    if (command === COMMAND.openFailed) {
      const error = new KistError('ERR_KIST_OPEN_REFUSED', `${routerLabel(this.#peerId)} refused OPEN`);
      return { error, graceMs: REFUSAL_GRACE_MS };
    }
    const message = `${routerLabel(this.#peerId)} answered OPEN with command ${command}`;
    return { outcome: 'close', error: new KistError('ERR_KIST_MALFORMED', message) };
  }

  /** IDs may come swapped or half wrong, and the circuit ID means nothing; an answer for two others is not for us. */
  #opened(cell: Uint8Array): LinkStep {
    const { openerId, openedId } = parseLinkCell(cell);
    if (![openerId, openedId].some((id) => id === this.#selfId || id === this.#peerId)) {
      const message = `${routerLabel(this.#peerId)} answered OPEN in the name of ${openerId} and ${openedId}`;
      return { outcome: 'close', error: new KistError('ERR_KIST_OPEN_REFUSED', message) };
    }
    this.#isOpen = true;
    return { outcome: 'open', peerId: this.#peerId };
  }
}

/** The side that accepted the TCP connection. A second OPEN on an open channel is answered OPENED again. */
export class AcceptorHandshake implements LinkHandshake {
  readonly isInitiator = false;
  readonly #selfId: number;
  #isOpen = false;

  constructor(selfId: number) {
    this.#selfId = selfId;
  }

  start(): LinkStep {
    return NOTHING;
  }

  receive(command: number, circId: number, cell: Uint8Array): LinkStep {
    if (this.#isOpen) return command === COMMAND.open ? { send: openedFor(cell) } : NOTHING;
    if (command !== COMMAND.open) {
      const message = `the first cell has command ${command} instead of OPEN`;
      return { outcome: 'close', error: new KistError('ERR_KIST_MALFORMED', message) };
    }
    const { openerId, openedId } = parseLinkCell(cell);
    if (openedId !== this.#selfId) {
      const message = `${routerLabel(openerId)} asked for ${routerLabel(openedId)}, which is not here`;
      const send = encodeLinkCell({ command: COMMAND.openFailed, circId, openerId, openedId });
      return { send, outcome: 'close', error: new KistError('ERR_KIST_OPEN_REFUSED', message) };
    }
    this.#isOpen = true;
    return { send: openedFor(cell), outcome: 'open', peerId: openerId };
  }
}
