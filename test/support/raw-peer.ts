import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { linkCell, OPEN, OPENED } from './relay-rig.js';

export const [CREATE, CREATED, RELAY, DESTROY, , , , CREATE_FAILED] = [1, 2, 3, 4, 5, 6, 7, 8];

/** Any cell: header, then `rest`, padded to 512 bytes. */
export function cell(circId: number, command: number, rest: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.writeUInt16BE(circId, 0);
  bytes.writeUInt8(command, 2);
  bytes.set(rest, 3);
  return bytes;
}

/** A relay cell; `length` may lie. */
export function relayCell(
  circId: number,
  streamId: number,
  command: number,
  body: Uint8Array | string = '',
  length?: number,
): Buffer {
  const bytes = Buffer.from(body as string, 'latin1');
  const rest = Buffer.alloc(11 + bytes.length);
  rest.writeUInt16BE(streamId, 0);
  rest.writeUInt16BE(length ?? bytes.length, 8);
  rest.writeUInt8(command, 10);
  rest.set(bytes, 11);
  return cell(circId, RELAY, rest);
}

export interface ReadCell {
  circId: number;
  command: number;
  streamId: number;
  relayCommand: number;
  body: Buffer;
  bytes: Buffer;
}

/** An agent by hand: what it is told to write, cell by cell or in pieces, and what it reads. */
export class RawPeer {
  readonly socket: Socket;
  readonly #cells: ReadCell[] = [];
  #buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  isEnded = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    const ended = (): void => {
      this.isEnded = true;
      this.#wake();
    };
    socket.on('end', ended).on('close', ended).on('error', ended);
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect(port, '127.0.0.1');
    const peer = new RawPeer(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    return peer;
  }

  /** Connected, and OPENED has come. */
  static async open(port: number, selfId: number, relayId: number): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.write(linkCell(OPEN, selfId, relayId));
    const answer = await peer.read();
    if (answer?.command !== OPENED) throw new Error(`OPEN was answered ${answer?.command}`);
    return peer;
  }

  write(...cells: Uint8Array[]): void {
    this.socket.write(Buffer.concat(cells));
  }

  /** The next cell, or undefined when the other side ended; fails after five seconds. */
  async read(): Promise<ReadCell | undefined> {
    const deadline = Date.now() + 5000;
    while (this.#cells.length === 0 && !this.isEnded) {
      if (Date.now() > deadline) throw new Error('no cell within 5 s');
      await this.#changed(deadline - Date.now());
    }
    return this.#cells.shift();
  }

  /** Waits for the other side to close. */
  async ended(ms = 5000): Promise<void> {
    const deadline = Date.now() + ms;
    while (!this.isEnded) {
      if (Date.now() > deadline) throw new Error(`still open after ${ms} ms`);
      await this.#changed(deadline - Date.now());
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms + 1);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #received(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    for (; this.#buffer.length >= 512; this.#buffer = this.#buffer.subarray(512)) {
      const one = Buffer.from(this.#buffer.subarray(0, 512));
      const length = Math.min(one.readUInt16BE(11), 498);
      this.#cells.push({
        circId: one.readUInt16BE(0),
        command: one.readUInt8(2),
        streamId: one.readUInt16BE(3),
        relayCommand: one.readUInt8(13),
        body: one.subarray(14, 14 + length),
        bytes: one,
      });
    }
    this.#wake();
  }
}

/** An agent that others connect to; `onPeer` gets each connection. */
export async function rawAgent(
  onPeer: (peer: RawPeer) => void,
): Promise<{ port: number; close: () => void }> {
  const peers = new Set<RawPeer>();
  const server: Server = createServer((socket) => {
    const peer = new RawPeer(socket);
    peers.add(peer);
    onPeer(peer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    for (const peer of peers) peer.close();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}
