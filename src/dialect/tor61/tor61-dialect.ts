import { argumentError } from '../../util/errors.js';
import type { ControlDialect, HopHandshake, PeerId } from '../control-dialect.js';
import { AcceptorHandshake, OpenerHandshake } from './handshake.js';
import { encodeBegin, encodeExtend, parseBegin, parseExtend, RELAY_COMMAND } from './relay-messages.js';

const EMPTY = new Uint8Array(0);
/** CREATE carries nothing, and there are no keys. */
const PLAIN_HOP: HopHandshake = { payload: EMPTY, finish: () => undefined };

function agentIdFrom(peerId: PeerId): number {
  if (typeof peerId === 'number') return peerId;
  throw argumentError('peerId', 'an agent ID', peerId);
}

/** Tor61: plain cells of 512 bytes, OPEN/OPENED between agents, CREATE without a payload. */
export const tor61Dialect: ControlDialect = {
  name: 'tor61',
  commands: RELAY_COMMAND,
  openerHandshake: (selfId, { peerId }) => new OpenerHandshake(agentIdFrom(selfId), agentIdFrom(peerId)),
  acceptorHandshake: (selfId) => new AcceptorHandshake(agentIdFrom(selfId)),
  beginHop: () => PLAIN_HOP,
  parseCreated: () => EMPTY,
  parseExtended: () => EMPTY,
  encodeExtend: ({ host, port, peerId }) => encodeExtend({ host, port, agentId: agentIdFrom(peerId) }),
  parseExtend: (body) => {
    const { host, port, agentId } = parseExtend(body);
    return { host, port, peerId: agentId };
  },
  encodeBegin,
  parseBegin,
};
