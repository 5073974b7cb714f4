/** Counters of one proxy since it was made, copied out at one moment. */
export interface ProxySnapshot {
  /** Plain requests read, refused ones included. */
  requests: number;
  /** CONNECT requests read, refused ones included. */
  tunnels: number;
  /** Requests that asked for a WebSocket. */
  upgrades: number;
  /** Bytes of request bodies and tunnels towards the exit; heads are not counted. */
  bytesUp: number;
  /** Bytes of answers' bodies and tunnels towards the client; heads are not counted. */
  bytesDown: number;
  openConnections: number;
  openStreams: number;
  /** Client connections turned away because of `maxConnections`. */
  dropped: number;
  /** How often each error code was answered or ended an answer. */
  errors: Record<string, number>;
}

export class ProxyStats {
  requests = 0;
  tunnels = 0;
  upgrades = 0;
  bytesUp = 0;
  bytesDown = 0;
  openStreams = 0;
  dropped = 0;
  readonly #errors = new Map<string, number>();

  countError(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  snapshot(openConnections: number): ProxySnapshot {
    return {
      requests: this.requests,
      tunnels: this.tunnels,
      upgrades: this.upgrades,
      bytesUp: this.bytesUp,
      bytesDown: this.bytesDown,
      openConnections,
      openStreams: this.openStreams,
      dropped: this.dropped,
      errors: Object.fromEntries(this.#errors),
    };
  }
}
