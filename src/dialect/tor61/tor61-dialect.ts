import type { ControlDialect } from '../control-dialect.js';
import { AcceptorHandshake, OpenerHandshake } from './handshake.js';
import { encodeBegin, encodeExtend, parseBegin, parseExtend, RELAY_COMMAND } from './relay-messages.js';

const EMPTY = new Uint8Array(0);

/** Tor61: plain cells of 512 bytes, OPEN/OPENED between agents, CREATE without a payload. */
export const tor61Dialect: ControlDialect = {
  name: 'tor61',
  commands: RELAY_COMMAND,
  openerHandshake: (selfId, peerId) => new OpenerHandshake(selfId, peerId),
  acceptorHandshake: (selfId) => new AcceptorHandshake(selfId),
  createPayload: () => EMPTY,
  createdPayload: () => EMPTY,
  encodeExtend,
  parseExtend,
  encodeBegin,
  parseBegin,
};
