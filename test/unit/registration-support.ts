import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { decodeRegistration, encodeRegistration } from '../../src/dialect/tor61/registration-codec.js';
import type { RegistrationMessage } from '../../src/dialect/tor61/registration-codec.js';

/** Waits for real sockets to deliver; the deadline only bounds a failing test. */
export async function until(what: string, condition: () => boolean, deadlineMs = 5000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`timed out waiting until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export interface Received {
  readonly message: RegistrationMessage;
  readonly from: RemoteInfo;
  readonly hex: string;
}

/** A UDP socket on loopback that speaks raw datagrams and keeps all it gets. */
export class RawAgent {
  readonly socket: Socket;
  readonly received: Received[] = [];
  #onMessage: (received: Received) => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (bytes, from) => {
      const received = { message: decodeRegistration(bytes), from, hex: bytes.toString('hex') };
      this.received.push(received);
      this.#onMessage(received);
    });
    socket.on('error', () => undefined);
  }

  static open(port = 0, address = '127.0.0.1'): Promise<RawAgent> {
    return new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.once('error', reject);
      socket.bind(port, address, () => resolve(new RawAgent(socket)));
    });
  }

  /** Two on adjacent ports. */
  static async openPair(): Promise<[RawAgent, RawAgent]> {
    for (;;) {
      const first = await RawAgent.open();
      try {
        return [first, await RawAgent.open(first.port + 1)];
      } catch {
        await first.close();
      }
    }
  }

  get port(): number {
    return this.socket.address().port;
  }

  set onMessage(listener: (received: Received) => void) {
    this.#onMessage = listener;
  }

  send(message: RegistrationMessage | string, port: number): void {
    const bytes = typeof message === 'string' ? Buffer.from(message, 'hex') : encodeRegistration(message);
    this.socket.send(bytes, port, '127.0.0.1');
  }

  /** Sends and waits for the next datagram. */
  async ask(message: RegistrationMessage | string, port: number): Promise<Received> {
    const count = this.received.length;
    this.send(message, port);
    await until('an answer came', () => this.received.length > count);
    return this.received[count] as Received;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }
}
