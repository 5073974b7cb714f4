import { isIPv4 } from 'node:net';
import { argumentError, closedError } from '../util/errors.js';
import type { Discovery, RelayRecord } from './discovery.js';

export interface StaticDiscoveryOptions {
  readonly relays: readonly RelayRecord[];
}

/** Throws a TypeError that names the wrong field. */
export function checkRelayRecord(name: string, relay: RelayRecord): RelayRecord {
  const { host, port, agentId } = relay;
  if (typeof relay.name !== 'string') throw argumentError(`${name}.name`, 'a string', relay.name);
  if (!isIPv4(host)) throw argumentError(`${name}.host`, 'a dotted IPv4 address', host);
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
    throw argumentError(`${name}.port`, 'an integer from 1 to 65535', port);
  }
  if (!Number.isInteger(agentId) || agentId < 0 || agentId > 0xffffffff) {
    throw argumentError(`${name}.agentId`, 'an integer from 0 to 4294967295', agentId);
  }
  return relay;
}

/** A fixed list of relays. What is announced joins the list of this object only. */
export class StaticDiscovery implements Discovery {
  readonly #relays = new Map<string, RelayRecord>();
  #isClosed = false;

  constructor(options: StaticDiscoveryOptions) {
    for (const [index, relay] of options.relays.entries())
      this.#add(checkRelayRecord(`relays[${index}]`, relay));
  }

  async announce(self: RelayRecord): Promise<void> {
    if (this.#isClosed) throw closedError('the static discovery');
    this.#add(checkRelayRecord('self', self));
  }

  async relays(): Promise<RelayRecord[]> {
    if (this.#isClosed) throw closedError('the static discovery');
    return [...this.#relays.values()];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #add(relay: RelayRecord): void {
    this.#relays.set(`${relay.host}:${relay.port}`, relay);
  }
}
