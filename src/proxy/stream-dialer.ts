import type { Duplex } from 'node:stream';

/** Where a stream shall end: a name or an address (IPv6 without brackets), and a TCP port. */
export interface DialTarget {
  host: string;
  port: number;
}

/**
 * What the proxy needs from the network behind it. The Duplex is half-open capable: `end()` is passed on,
 * 'end' comes when the far side ended, `destroy()` resets the stream at once.
 */
export interface StreamDialer {
  /** Resolves when the exit said CONNECTED; rejects with KistError. */
  connect(target: DialTarget, options: { signal: AbortSignal }): Promise<Duplex>;
}
