/** Link handshakes over TLS connections of Node, and a tor process of the distribution to make them with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import type { LinkSecrets, LinkStep } from '../../../src/dialect/control-dialect.js';
import type { TorLinkHandshake } from '../../../src/dialect/tor/link-progress.js';
import { TorLinkDialect } from '../../../src/dialect/tor/tor-link-dialect.js';
import { makeTlsCredentials, TestIdentity } from '../../support/tor-link-identity.js';
import { CellCutter } from '../../unit/tor/link-rig.js';

const LABEL = 'EXPORTER FOR TOR TLS CLIENT BINDING AUTH0003';
const NONE = new Uint8Array(0);
const PADDING_NEGOTIATE = 12;
export const TIMEOUT_MS = 60_000;

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

class Deferred<T> {
  resolve: (value: T) => void = () => undefined;
  reject: (error: Error) => void = () => undefined;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** A handshake over a TLS connection of Node, and the cells that come after it. */
export class NodeLink {
  readonly opened: Promise<LinkStep>;
  readonly handshake: TorLinkHandshake;
  readonly #socket: TLSSocket;
  readonly #ownCertificate: Uint8Array;
  readonly #opened = new Deferred<LinkStep>();
  readonly #cells: Buffer[] = [];
  readonly #wanted: Deferred<Buffer>[] = [];
  readonly #cutter = new CellCutter();
  #rest: Buffer = Buffer.alloc(0);
  #isOpen = false;

  constructor(socket: TLSSocket, handshake: TorLinkHandshake, ownCertificate: Uint8Array = NONE) {
    this.opened = this.#opened.promise;
    this.handshake = handshake;
    this.#socket = socket;
    this.#ownCertificate = ownCertificate;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
    this.#opened.promise.catch(() => undefined);
    this.#carryOut(handshake.start());
  }

  send(cell: Uint8Array): void {
    this.#socket.write(cell);
  }

  /** The next cell after the handshake. */
  cell(): Promise<Buffer> {
    const cell = this.#cells.shift();
    if (cell !== undefined) return Promise.resolve(cell);
    const wanted = new Deferred<Buffer>();
    this.#wanted.push(wanted);
    return wanted.promise;
  }

  #keep(cell: Buffer): void {
    const wanted = this.#wanted.shift();
    if (wanted === undefined) this.#cells.push(cell);
    else wanted.resolve(cell);
  }

  #fail(error: Error): void {
    this.#opened.reject(error);
    for (const wanted of this.#wanted.splice(0)) wanted.reject(error);
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const cell = this.#cutter.next(this.#rest);
      if (cell === undefined) return;
      this.#rest = this.#rest.subarray(cell.bytes.length);
      if (this.#isOpen && cell.command !== PADDING_NEGOTIATE) this.#keep(cell.bytes);
      else this.#carryOut(this.handshake.receive(cell.command, cell.circId, cell.bytes));
    }
  }

  #carryOut(step: LinkStep): void {
    if (step.send !== undefined) this.#socket.write(step.send);
    if (step.error !== undefined) this.#fail(step.error);
    if (step.outcome === 'close') this.#socket.end();
    if (step.outcome === 'open') {
      this.#isOpen = true;
      this.#opened.resolve(step);
    }
    if (step.exportContext === undefined) return;
    this.#carryOut(this.handshake.exported?.(this.#secrets(step.exportContext)) ?? {});
  }

  #secrets(context: Uint8Array): LinkSecrets {
    const exported = this.#socket.exportKeyingMaterial(32, LABEL, Buffer.from(context));
    const { raw } = this.#socket.getPeerCertificate();
    return { exported, ownCertificate: this.#ownCertificate, peerCertificate: raw ?? NONE };
  }
}

/** A tor process of the distribution: alone, on loopback, in a folder of its own. */
export class Tor {
  readonly #folder = mkdtempSync(join(tmpdir(), 'kist-tor-'));
  readonly #process;
  #log = '';

  constructor(lines: readonly string[]) {
    const file = join(this.#folder, 'torrc');
    const common = [
      'TestingTorNetwork 1',
      'SafeLogging 0',
      'Log info stdout',
      `DataDirectory ${this.#folder}`,
    ];
    writeFileSync(file, [...common, ...lines, ''].join('\n'));
    const options = ['--defaults-torrc', '/dev/null', '-f', file];
    this.#process = spawn('tor', options, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout.on('data', (text: Buffer) => void (this.#log += text.toString('latin1')));
  }

  /** What the pattern's first group matched in the log, now or later. */
  async logged(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#log);
      if (match !== null) return match[1] ?? '';
      if (this.#process.exitCode !== null) throw new Error(`tor ended: ${this.#log.slice(-2000)}`);
      await once(this.#process.stdout, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => {
        throw new Error(`tor logged no ${String(pattern)}: ${this.#log.slice(-2000)}`);
      });
    }
  }

  /** A file of its data directory. */
  read(path: string): Buffer {
    return readFileSync(join(this.#folder, path));
  }

  async stop(): Promise<void> {
    const ended = this.#process.exitCode === null ? once(this.#process, 'exit') : undefined;
    this.#process.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A relay of ours as far as its link handshake: every connection is one. */
export class OurRelay {
  readonly identity = new TestIdentity(nowSeconds());
  readonly #links: NodeLink[] = [];
  readonly #waiting: ((link: NodeLink) => void)[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  readonly dialect = new TorLinkDialect({ identity: this.identity, ownAddresses: () => ['127.0.0.1'] });

  constructor() {
    const { certificate, key } = makeTlsCredentials(nowSeconds());
    const pem = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
    const options = { cert: pem, key: key.export({ type: 'pkcs8', format: 'pem' }) };
    this.#server = createServer(options, (socket) => {
      this.#sockets.add(socket);
      const address = `${socket.remoteAddress}:${socket.remotePort}`;
      const handshake = this.dialect.acceptorHandshake(this.identity.rsaFingerprint, address);
      const link = new NodeLink(socket, handshake, certificate);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#links.push(link);
      else waiting(link);
    });
    this.#server.on('tlsClientError', () => undefined);
  }

  async listen(): Promise<number> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  accepted(): Promise<NodeLink> {
    const link = this.#links.shift();
    if (link !== undefined) return Promise.resolve(link);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
