import type { RegistrationEntry } from '../dialect/tor61/registration-codec.js';
import { ROUTER_NAME_PREFIX, routerLabel } from '../dialect/tor61/router-name.js';
import { closedError, codeOf } from '../util/errors.js';
import { silentLogger } from '../util/logger.js';
import type { Logger } from '../util/logger.js';
import type { Discovery, RelayRecord } from './discovery.js';
import { RegistrationClient } from './registration-client.js';
import type { RegistrationClientOptions } from './registration-client.js';
import { checkRelayRecord } from './static-discovery.js';

export interface RegistrationDiscoveryOptions extends RegistrationClientOptions {
  /** Only relays whose registered name starts so; `Tor61Router-` by default. */
  prefix?: string;
}

/** An address that a relay can be reached at: not 0.x, not multicast or above. */
function isUsable(entry: RegistrationEntry): boolean {
  const first = Number(entry.ip.split('.', 1)[0]);
  return entry.port !== 0 && first > 0 && first < 224;
}

/**
 * Discovery by a Tor61 registration service. Its answer holds no names, so a relay is called by the name that its
 * agent ID stands for. While the service is away the last list it gave is used: circuits can then still be built.
 */
export class RegistrationDiscovery implements Discovery {
  readonly #client: RegistrationClient;
  readonly #prefix: string;
  readonly #logger: Logger;
  #self: RelayRecord | undefined;
  #last: RelayRecord[] | undefined;
  #underWay: Promise<RelayRecord[]> | undefined;
  #isClosed = false;

  private constructor(client: RegistrationClient, prefix: string, logger: Logger) {
    this.#client = client;
    this.#prefix = prefix;
    this.#logger = logger;
  }

  static async open(options: RegistrationDiscoveryOptions): Promise<RegistrationDiscovery> {
    const client = await RegistrationClient.open(options);
    return new RegistrationDiscovery(
      client,
      options.prefix ?? ROUTER_NAME_PREFIX,
      options.logger ?? silentLogger(),
    );
  }

  /** A relay on any address (0.0.0.0) is registered with the address that reaches the service. */
  async announce(self: RelayRecord): Promise<void> {
    const host = self.host === '0.0.0.0' ? this.#client.localAddress : self.host;
    const record = checkRelayRecord('self', { ...self, host });
    await this.#client.register(record);
    this.#self = record;
  }

  /** Callers that ask at the same time share one Fetch. */
  relays(): Promise<RelayRecord[]> {
    if (this.#isClosed) return Promise.reject(closedError('the registration discovery'));
    this.#underWay ??= this.#fetch().finally(() => (this.#underWay = undefined));
    return this.#underWay.then((relays) => [...relays]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#client.close();
  }

  async #fetch(): Promise<RelayRecord[]> {
    try {
      const entries = await this.#client.fetch(this.#prefix);
      this.#last = entries.filter(isUsable).map((entry) => this.#recordOf(entry));
      return this.#last;
    } catch (error) {
      const isAway = codeOf(error) === 'ERR_KIST_REGISTRATION_UNREACHABLE';
      if (!isAway || this.#last === undefined) throw error;
      this.#logger.debug({ err: error }, 'using the last list of relays');
      return this.#last;
    }
  }

  #recordOf({ ip, port, data }: RegistrationEntry): RelayRecord {
    const self = this.#self;
    if (self?.host === ip && self.port === port && self.agentId === data) return self;
    return { name: routerLabel(data), host: ip, port, agentId: data };
  }
}
