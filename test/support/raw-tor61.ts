import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { RelayRecord } from '../../src/discovery/index.js';
import {
  CELL,
  CELL_LENGTH,
  describeCell,
  openCell,
  plainCell,
  readCell,
  sayCell,
} from './raw-tor61-cells.js';
import type { RawCell } from './raw-tor61-cells.js';

/** What a cell must be; every field given must be equal. */
export type CellMatch = Partial<
  Pick<RawCell, 'circId' | 'kind' | 'openerId' | 'openedId' | 'streamId' | 'length' | 'says'>
>;

/** Generous, for a busy machine: only a failing test waits so long. */
const WAIT_MS = 8000;
/** How long nothing must come where nothing is what is asserted. */
const QUIET_MS = 150;

function differs(cell: RawCell, match: CellMatch): boolean {
  return Object.entries(match).some(([field, value]) => cell[field as keyof CellMatch] !== value);
}

/** One end of a connection: writes what it is told, in whatever pieces; reads whole cells in order. */
export class RawPeer {
  readonly socket: Socket;
  readonly #cells: RawCell[] = [];
  readonly #chunks: number[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  #wake: () => void = () => undefined;
  /** Resolves when the other side ended or the connection is lost. */
  readonly gone: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    this.gone = new Promise((resolve) => {
      const ended = (): void => {
        this.#hasEnded = true;
        this.#wake();
        resolve();
      };
      socket.on('end', ended).on('close', ended).on('error', ended);
    });
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const peer = new RawPeer(socket);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return peer;
  }

  /** Sizes of the reads so far: what came at once. */
  get chunks(): readonly number[] {
    return this.#chunks;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  send(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Resolves when the kernel has the bytes: never while the other side does not read. */
  async sendAll(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** Each piece in a segment of its own. */
  async sendPieces(bytes: Uint8Array, pieceLength: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceLength) {
      await this.sendAll(bytes.subarray(at, at + pieceLength));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next cell; fails when the other side ends, or in time. */
  async next(waitMs = WAIT_MS): Promise<RawCell> {
    const cell = await this.#take(waitMs);
    if (cell !== undefined) return cell;
    throw new Error(this.#hasEnded ? 'the other side ended' : `no cell within ${waitMs} ms`);
  }

  /** The next cell, which must be this one. */
  async expectCell(match: CellMatch, waitMs = WAIT_MS): Promise<RawCell> {
    const cell = await this.next(waitMs).catch((error: unknown) => {
      throw new Error(`expected ${JSON.stringify(match)}: ${(error as Error).message}`);
    });
    if (differs(cell, match)) throw new Error(`expected ${JSON.stringify(match)}, got ${describeCell(cell)}`);
    return cell;
  }

  /** A relay message on the circuit. */
  expectSay(circId: number, says: number, streamId?: number): Promise<RawCell> {
    return this.expectCell({
      kind: CELL.relay,
      circId,
      says,
      ...(streamId === undefined ? {} : { streamId }),
    });
  }

  /** The bodies of DATA cells on one stream, until there are so many bytes. */
  async expectData(circId: number, streamId: number, bytes: number): Promise<Buffer> {
    const bodies: Buffer[] = [];
    for (let have = 0; have < bytes;) {
      const { body } = await this.expectCell({ kind: CELL.relay, circId, streamId, says: 2 });
      bodies.push(body);
      have += body.length;
    }
    return Buffer.concat(bodies);
  }

  /** The other side ends without another cell. */
  async expectClosed(waitMs = WAIT_MS): Promise<void> {
    const cell = await this.#take(waitMs);
    if (cell !== undefined) throw new Error(`expected the end, got ${describeCell(cell)}`);
    if (!this.#hasEnded) throw new Error(`still open after ${waitMs} ms`);
  }

  /** Nothing comes, and the connection stays. */
  async expectQuiet(ms = QUIET_MS): Promise<void> {
    const cell = await this.#take(ms);
    if (cell !== undefined) throw new Error(`expected nothing, got ${describeCell(cell)}`);
    if (this.#hasEnded) throw new Error('expected nothing, but the other side ended');
  }

  /**
   * Nothing came of what was sent before: two circuits are made and ended, one after the other. What was on its way
   * out when the first CREATED was written leaves before the second one, so nothing need be waited for.
   */
  async expectNothingBefore(circId = 50_001): Promise<void> {
    for (const id of [circId, circId + 2]) {
      await this.create(id);
      this.send(plainCell(id, CELL.destroy));
    }
  }

  /** OPEN is answered OPENED. */
  async open(selfId: number, relayId: number): Promise<this> {
    this.send(openCell(CELL.open, selfId, relayId));
    await this.expectCell({ kind: CELL.opened, openerId: selfId, openedId: relayId });
    return this;
  }

  async create(circId: number): Promise<this> {
    this.send(plainCell(circId, CELL.create));
    await this.expectCell({ kind: CELL.created, circId });
    return this;
  }

  say(circId: number, streamId: number, says: number, body: Uint8Array | string = ''): void {
    this.send(sayCell(circId, streamId, says, body));
  }

  close(): void {
    this.socket.destroy();
  }

  /** RST instead of FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async #take(waitMs: number): Promise<RawCell | undefined> {
    const deadline = performance.now() + waitMs;
    while (this.#cells.length === 0 && !this.#hasEnded) {
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#cells.shift();
  }

  #received(bytes: Buffer): void {
    this.#chunks.push(bytes.length);
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (; this.#rest.length - at >= CELL_LENGTH; at += CELL_LENGTH)
      this.#cells.push(readCell(this.#rest.subarray(at, at + CELL_LENGTH)));
    this.#rest = this.#rest.subarray(at);
    this.#wake();
  }
}

/** A router by hand: others connect to it, and it does only what the test says. */
export class RawRouter {
  readonly agentId: number;
  readonly peers: RawPeer[] = [];
  readonly #server: Server;
  readonly #waiting: ((peer: RawPeer) => void)[] = [];
  readonly #onPeer: ((peer: RawPeer) => void) | undefined;

  private constructor(agentId: number, onPeer: ((peer: RawPeer) => void) | undefined) {
    this.agentId = agentId;
    this.#onPeer = onPeer;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accepted(socket));
  }

  /** With `onPeer` it is a script of its own; without, the test takes each connection by `accept()`. */
  static async listen(agentId: number, onPeer?: (peer: RawPeer) => void): Promise<RawRouter> {
    const router = new RawRouter(agentId, onPeer);
    await new Promise<void>((resolve) => router.#server.listen(0, '127.0.0.1', resolve));
    return router;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As it would be registered. */
  get record(): RelayRecord {
    return { name: `raw-${this.agentId}`, host: '127.0.0.1', port: this.port, agentId: this.agentId };
  }

  /** The next connection, in the order they came. */
  async accept(): Promise<RawPeer> {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no connection within ${WAIT_MS} ms`)), WAIT_MS);
      const take = (peer: RawPeer): void => {
        clearTimeout(timer);
        resolve(peer);
      };
      const come = this.#unclaimed.shift();
      if (come === undefined) this.#waiting.push(take);
      else take(come);
    });
  }

  /** The next connection, its OPEN answered OPENED as it came. */
  async acceptOpen(): Promise<RawPeer> {
    const peer = await this.accept();
    const open = await peer.expectCell({ kind: CELL.open });
    peer.send(openCell(CELL.opened, open.openerId, open.openedId));
    return peer;
  }

  /** And the next CREATE on it answered CREATED. */
  async acceptCircuit(): Promise<{ peer: RawPeer; circId: number }> {
    const peer = await this.acceptOpen();
    const { circId } = await peer.expectCell({ kind: CELL.create });
    peer.send(plainCell(circId, CELL.created));
    return { peer, circId };
  }

  async close(): Promise<void> {
    for (const peer of this.peers) peer.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  readonly #unclaimed: RawPeer[] = [];

  #accepted(socket: Socket): void {
    const peer = new RawPeer(socket);
    this.peers.push(peer);
    if (this.#onPeer !== undefined) return this.#onPeer(peer);
    const take = this.#waiting.shift();
    if (take === undefined) this.#unclaimed.push(peer);
    else take(peer);
  }
}
