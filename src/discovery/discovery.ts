/** One relay of a network as discovery tells of it. `host` is a dotted IPv4 address. */
export interface RelayRecord {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Unsigned, 32 bits. Some agents choose it at random. */
  readonly agentId: number;
}

/** How a relay is announced and others are found. Implementations are listed in `registry.ts`. */
export interface Discovery {
  /** Makes `self` known and keeps it known until `close()`. */
  announce(self: RelayRecord): Promise<void>;
  /** The relays known now, one per host and port; the own one may be among them, dead ones too. */
  relays(): Promise<RelayRecord[]>;
  /** Takes the announcement back, as far as that goes within a bounded time. Idempotent. */
  close(): Promise<void>;
}
