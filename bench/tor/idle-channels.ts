import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { CELL_BYTES, COMMAND, isVariable } from '../../src/dialect/tor/cells.js';
import { encodeNetinfo, encodeVersions } from '../../src/dialect/tor/link-cells.js';

const AT_ONCE = 20;
const OPEN_TIMEOUT_MS = 20_000;

/** Whether the responder's part of the handshake is there as a whole: NETINFO is its last cell (tor-spec 4.1). */
function hasNetinfo(bytes: Buffer): boolean {
  for (let at = 0, idBytes = 2; bytes.length >= at + idBytes + 3; idBytes = 4) {
    const command = bytes[at + idBytes] ?? 0;
    const isLong = isVariable(command);
    const length = isLong ? idBytes + 3 + bytes.readUInt16BE(at + idBytes + 1) : CELL_BYTES;
    at += length;
    if (command === COMMAND.netinfo) return bytes.length >= at;
  }
  return false;
}

function openChannel(port: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    let got = Buffer.alloc(0);
    const onData = (bytes: Buffer): void => {
      got = Buffer.concat([got, bytes]);
      if (!hasNetinfo(got)) return;
      socket.off('data', onData).setTimeout(0);
      socket.on('data', () => undefined);
      const otherAddress = Buffer.from([127, 0, 0, 1]);
      socket.write(encodeNetinfo({ timestamp: 0, otherAddress, ownAddresses: [] }));
      resolve(socket);
    };
    socket.setTimeout(OPEN_TIMEOUT_MS, () => socket.destroy(new Error('no link handshake within 20 s')));
    socket.on('secureConnect', () => void socket.write(encodeVersions([4, 5])));
    socket.on('data', onData);
    socket.once('close', () => reject(new Error('the relay closed the channel')));
    socket.on('error', reject);
  });
}

/** Channels to one relay as clients have them: the link handshake is done and nothing follows. */
export class IdleChannels {
  readonly #port: number;
  readonly #sockets: TLSSocket[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** Channels that the relay did not close. */
  get open(): number {
    return this.#sockets.filter((socket) => !socket.destroyed).length;
  }

  /** Opens more until there are so many. */
  async fill(count: number): Promise<void> {
    while (this.#sockets.length < count) {
      const more = Math.min(AT_ONCE, count - this.#sockets.length);
      const opened = await Promise.all(Array.from({ length: more }, () => openChannel(this.#port)));
      this.#sockets.push(...opened);
    }
    if (this.open < count) throw new Error(`${count - this.open} of ${count} idle channels were closed`);
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }
}
