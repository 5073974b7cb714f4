/** A peer of a Tor relay that a test speaks itself: TLS of Node, cells by hand, one hop of relay crypto. */
import { createCipheriv, createHash } from 'node:crypto';
import type { Cipher, Hash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { NtorClient } from '../../src/dialect/tor/ntor-client.js';
import type { NtorTarget } from '../../src/dialect/tor/ntor-client.js';
import { CellCutter } from '../unit/tor/link-rig.js';
import type { RawCell } from '../unit/tor/link-rig.js';

/** Generous, for a busy machine: only a failing test waits so long. */
const WAIT_MS = 10_000;

/** A cell of 514 bytes; a longer payload is cut. */
export function fixedCell(circId: number, command: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const cell = Buffer.alloc(514);
  cell.writeUInt32BE(circId, 0);
  cell.writeUInt8(command, 4);
  cell.set(payload.subarray(0, 509), 5);
  return cell;
}

/** A cell that says its length; `says` may be a lie. */
export function variableCell(command: number, payload: Uint8Array, says = payload.length): Buffer {
  const cell = Buffer.alloc(7 + payload.length);
  cell.writeUInt8(command, 4);
  cell.writeUInt16BE(says, 5);
  cell.set(payload, 7);
  return cell;
}

export function versionsCell(...versions: readonly number[]): Buffer {
  const cell = Buffer.alloc(5 + versions.length * 2);
  cell.writeUInt8(7, 2);
  cell.writeUInt16BE(versions.length * 2, 3);
  versions.forEach((version, index) => cell.writeUInt16BE(version, 5 + index * 2));
  return cell;
}

/** As a client sends it: no time, no address of its own. */
export const NETINFO = fixedCell(0, 8, Buffer.from([0, 0, 0, 0, 4, 4, 127, 0, 0, 1, 0]));

/** One end of a TLS connection to a relay: writes what it is told, reads whole cells in order. */
export class RawTorClient {
  readonly socket: TLSSocket;
  readonly #cutter = new CellCutter();
  readonly #cells: RawCell[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #hasEnded = false;
  #nextCircId = 0x80000000;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setNoDelay(true);
    const end = (): void => {
      this.#hasEnded = true;
      this.#wake();
    };
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', end).on('end', end).on('close', end);
  }

  /** Connected by TLS, nothing said. */
  static async dial(port: number): Promise<RawTorClient> {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    const client = new RawTorClient(socket);
    await once(socket, 'secureConnect');
    return client;
  }

  /** A channel that is open, as a client's. */
  static async open(port: number): Promise<RawTorClient> {
    const client = await RawTorClient.dial(port);
    await client.greet();
    client.send(NETINFO);
    return client;
  }

  /** Both sides' VERSIONS and all that the relay says of itself: the cells of its answer. */
  async greet(): Promise<RawCell[]> {
    this.send(versionsCell(4, 5));
    const cells: RawCell[] = [];
    for (const command of [7, 129, 130, 8]) cells.push(await this.cell((cell) => cell.command === command));
    return cells;
  }

  send(...cells: readonly Uint8Array[]): void {
    if (!this.#hasEnded) this.socket.write(Buffer.concat(cells));
  }

  /** The oldest cell that fits, now or later; those before it stay. */
  async cell(fits: (cell: RawCell) => boolean = () => true): Promise<RawCell> {
    for (const deadline = Date.now() + WAIT_MS; ;) {
      const at = this.#cells.findIndex(fits);
      const [found] = at < 0 ? [] : this.#cells.splice(at, 1);
      if (found !== undefined) return found;
      if (this.#hasEnded) throw new Error('the relay closed the channel');
      await this.#news(deadline, 'no such cell');
    }
  }

  /** Cells that came and nobody took. */
  takeAll(): RawCell[] {
    return this.#cells.splice(0);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves when the relay closed the channel. */
  async ended(ms = WAIT_MS): Promise<void> {
    for (const deadline = Date.now() + ms; !this.#hasEnded;)
      await this.#news(deadline, 'the channel stays open');
  }

  nextCircId(): number {
    this.#nextCircId += 1;
    return this.#nextCircId;
  }

  /** A circuit of one hop by ntor. */
  async circuit(target: NtorTarget, circId = this.nextCircId()): Promise<RawTorCircuit> {
    const handshake = new NtorClient(target);
    this.send(fixedCell(circId, 10, handshake.payload));
    const { bytes } = await this.cell((cell) => cell.circId === circId && cell.command === 11);
    const answer = bytes.subarray(7, 7 + bytes.readUInt16BE(5));
    return new RawTorCircuit(this, circId, handshake.finish(answer));
  }

  close(): void {
    this.socket.destroy();
  }

  async #news(deadline: number, problem: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve;
      timer = setTimeout(() => reject(new Error(problem)), Math.max(deadline - Date.now(), 0));
    }).finally(() => clearTimeout(timer));
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const cell = this.#cutter.next(this.#rest);
      if (cell === undefined) break;
      this.#cells.push(cell);
      this.#rest = this.#rest.subarray(cell.bytes.length);
    }
    this.#wake();
  }
}

/** What a relay cell says once it is plain. */
export interface RelayWords {
  readonly command: number;
  readonly streamId: number;
  readonly body: Buffer;
}

export interface SealOptions {
  /** In a RELAY_EARLY cell. */
  readonly isEarly?: boolean;
  /** The length field, where it shall lie. */
  readonly says?: number;
}

/** A circuit of one hop as its client knows it (tor-spec 5.5, 6.1). */
export class RawTorCircuit {
  readonly circId: number;
  readonly #client: RawTorClient;
  readonly #forward: { digest: Hash; cipher: Cipher };
  readonly #backward: { digest: Hash; cipher: Cipher };
  /** The 20 bytes that a SENDME for the last cell that came proves itself with. */
  openedDigest: Buffer = Buffer.alloc(20);

  /** `keys`: Df, Db, Kf, Kb. */
  constructor(client: RawTorClient, circId: number, keys: Uint8Array) {
    const way = (digest: number, key: number): { digest: Hash; cipher: Cipher } => ({
      digest: createHash('sha1').update(keys.subarray(digest, digest + 20)),
      cipher: createCipheriv('aes-128-ctr', keys.subarray(key, key + 16), Buffer.alloc(16)),
    });
    this.#client = client;
    this.circId = circId;
    this.#forward = way(0, 40);
    this.#backward = way(20, 56);
  }

  /** A sealed cell; it must be sent in this order. */
  seal(
    command: number,
    streamId: number,
    body: Uint8Array = Buffer.alloc(0),
    options: SealOptions = {},
  ): Buffer {
    const payload = Buffer.alloc(509);
    payload.writeUInt8(command, 0);
    payload.writeUInt16BE(streamId, 3);
    payload.writeUInt16BE(options.says ?? body.length, 9);
    payload.set(body, 11);
    this.#forward.digest.update(payload);
    this.#forward.digest.copy().digest().copy(payload, 5, 0, 4);
    const isEarly = options.isEarly ?? false;
    return fixedCell(this.circId, isEarly ? 9 : 3, this.#forward.cipher.update(payload));
  }

  say(command: number, streamId: number, body?: Uint8Array, options?: SealOptions): void {
    this.#client.send(this.seal(command, streamId, body, options));
  }

  /** The next relay message of this circuit. */
  async hear(): Promise<RelayWords> {
    const cell = await this.#client.cell(({ circId, command }) => circId === this.circId && command === 3);
    const payload = this.#backward.cipher.update(cell.bytes.subarray(5));
    const claimed = payload.readUInt32BE(5);
    payload.writeUInt32BE(0, 5);
    this.#backward.digest.update(payload);
    this.openedDigest = this.#backward.digest.copy().digest();
    if (payload.readUInt16BE(1) !== 0 || claimed !== this.openedDigest.readUInt32BE(0))
      throw new Error('a relay cell that is not recognised');
    const length = payload.readUInt16BE(9);
    const body = payload.subarray(11, 11 + length);
    return { command: payload.readUInt8(0), streamId: payload.readUInt16BE(3), body };
  }

  /** The reason of the DESTROY that comes, or came. */
  async destroyed(): Promise<number> {
    const cell = await this.#client.cell(({ circId, command }) => circId === this.circId && command === 4);
    return cell.bytes.readUInt8(5);
  }

  destroy(reason = 0): void {
    this.#client.send(fixedCell(this.circId, 4, Buffer.from([reason])));
  }

  /** Proves that the circuit works: an answer to RESOLVE of an address. */
  async check(): Promise<void> {
    this.say(11, 0xfffe, Buffer.from('127.0.0.1\0'));
    for (;;) {
      const { command, streamId } = await this.hear();
      if (command === 12 && streamId === 0xfffe) return;
    }
  }
}
