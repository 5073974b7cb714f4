import { isIPv4 } from 'node:net';
import { argumentError } from '../../util/errors.js';
import type {
  ControlDialect,
  ExtendTarget,
  HopHandshake,
  RelayCommands,
  StreamTarget,
} from '../control-dialect.js';
import { encodeExtend2, parseCreated2, parseExtend2, parseExtended2 } from './create-cells.js';
import type { LinkSpecifiers } from './link-specifiers.js';
import { NtorClient } from './ntor-client.js';
import { RELAY_COMMAND } from './relay-commands.js';
import { encodeBegin, parseBegin } from './stream-messages.js';
import { TorLinkDialect } from './tor-link-dialect.js';

/** Tor has no refusals of its own: END answers a BEGIN, and a failed EXTEND2 truncates or ends the circuit. */
const COMMANDS: RelayCommands = {
  begin: RELAY_COMMAND.begin,
  end: RELAY_COMMAND.end,
  connected: RELAY_COMMAND.connected,
  beginFailed: RELAY_COMMAND.end,
  extend: RELAY_COMMAND.extend2,
  extended: RELAY_COMMAND.extended2,
  extendFailed: RELAY_COMMAND.truncated,
};

function specifiersOf({ host, port, peerId, ed25519Identity }: ExtendTarget): LinkSpecifiers {
  const orPort = { host, port };
  const at = isIPv4(host) ? { ipv4: orPort } : { ipv6: orPort };
  return { ...at, rsaFingerprint: fingerprintOf(peerId), ed25519Identity };
}

function fingerprintOf(peerId: unknown): string {
  if (typeof peerId === 'string' && /^[0-9A-F]{40}$/.test(peerId)) return peerId;
  throw argumentError('peerId', 'an RSA fingerprint of 40 upper-case hexadecimal digits', peerId);
}

/** Tor: cells of 514 bytes over TLS, hops made by ntor, relay cells encrypted hop by hop. */
export class TorDialect extends TorLinkDialect implements ControlDialect {
  readonly commands = COMMANDS;

  beginHop(target: ExtendTarget): HopHandshake {
    const { peerId, ntorKey } = target;
    if (ntorKey === undefined) throw argumentError('ntorKey', 'the ntor onion key of the relay', ntorKey);
    return new NtorClient({ rsaDigest: Buffer.from(fingerprintOf(peerId), 'hex'), ntorKey });
  }

  parseCreated(cell: Uint8Array): Uint8Array {
    return parseCreated2(cell);
  }

  parseExtended(body: Uint8Array): Uint8Array {
    return parseExtended2(body);
  }

  encodeExtend(target: ExtendTarget, handshake: Uint8Array): Uint8Array {
    return encodeExtend2({ specifiers: specifiersOf(target), handshake });
  }

  parseExtend(body: Uint8Array): ExtendTarget {
    return parseExtend2(body).target;
  }

  /** Names may be reached over either family. */
  encodeBegin({ host, port }: StreamTarget): Uint8Array {
    return encodeBegin({ host, port, allowsIpv4: true, allowsIpv6: true, prefersIpv6: false });
  }

  parseBegin(body: Uint8Array): StreamTarget {
    return parseBegin(body);
  }
}
