import type { RelayRecord } from '../../src/discovery/index.js';
import type { NativeRelayMessage } from '../../src/native/binding-types.js';
import { OriginCircuit } from '../../src/origin/index.js';
import { parseExtend } from '../../src/dialect/tor61/relay-messages.js';
import { EXTEND, EXTENDED, EXTEND_FAILED, linkCell, OPENED, RelayRig, SELF } from './relay-rig.js';
import { settled } from './fake-native.js';

export function record(instance: number, agentId = 0x00050000 + instance): RelayRecord {
  return { name: `r${instance}`, host: '127.0.0.1', port: 5000 + instance, agentId };
}

export const own: RelayRecord = { name: 'own', host: '127.0.0.1', port: 4000, agentId: SELF };

/** What a network does with the requests of an origin; by agent ID. */
export interface Behaviour {
  /** Connecting to these fails. */
  unreachable?: ReadonlySet<number>;
  /** CREATE at these is refused. */
  refusing?: ReadonlySet<number>;
  /** EXTEND to these is answered EXTEND_FAILED. */
  failing?: ReadonlySet<number>;
  /** EXTEND to these is never answered. */
  silent?: ReadonlySet<number>;
}

/** Plays the network behind a scripted data plane: answers connects, CREATEs and EXTENDs until nothing is asked. */
export class OriginRig {
  readonly rig: RelayRig;
  behaviour: Behaviour = {};
  /** Agent IDs asked for, in order: `connect N`, `create`, `extend N`. */
  readonly asked: string[] = [];
  #seen = 0;
  #nextChannel = 1000;
  #nextCircuit = 100_000;
  readonly #peers = new Map<number, number>();

  constructor(rig: RelayRig) {
    this.rig = rig;
  }

  static async start(): Promise<OriginRig> {
    return new OriginRig(await RelayRig.start());
  }

  get lastCircuit(): number {
    return this.#nextCircuit;
  }

  /** Answers all that was asked, and what the answers lead to. */
  async play(): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      await settled();
      const calls = this.rig.fake.calls.slice(this.#seen);
      this.#seen += calls.length;
      quiet = calls.length === 0 ? quiet + 1 : 0;
      for (const { method, args } of calls) this.#answer(method, args);
    }
  }

  circuit(): OriginCircuit {
    const { clock, relay } = this.rig;
    const deadlines = { createTimeoutMs: 1000, extendTimeoutMs: 1000, streamTimeoutMs: 1000 };
    return new OriginCircuit({ channels: relay.channels, clock, ...deadlines });
  }

  /** A circuit over three relays, all of which answered. */
  async built(): Promise<OriginCircuit> {
    const circuit = this.circuit();
    const done = (async () => {
      await circuit.create(record(1));
      await circuit.extend(record(2));
      await circuit.extend(record(3));
    })();
    await this.play();
    await done;
    return circuit;
  }

  close(): Promise<void> {
    return this.rig.close();
  }

  #answer(method: string, args: readonly unknown[]): void {
    if (method === 'connect') return this.#connect(args[0] as number);
    if (method === 'sendLinkCell') return this.#open(args[0] as number, args[1] as Buffer);
    if (method === 'createCircuit') return this.#create(args[0] as number, args[1] as number);
    if (method === 'sendRelay') this.#relay(args[0] as number, args[1] as NativeRelayMessage);
  }

  #connect(token: number): void {
    this.rig.fake.emit('channelConnected', ++this.#nextChannel, token);
  }

  #open(channel: number, cell: Buffer): void {
    const peer = cell.readUInt32BE(7);
    this.asked.push(`connect ${peer & 0xffff}`);
    if (this.behaviour.unreachable?.has(peer)) return this.rig.fake.emit('channelClosed', channel, 2);
    this.#peers.set(channel, peer);
    this.rig.fake.emit('linkCell', channel, OPENED, 0, linkCell(OPENED, cell.readUInt32BE(3), peer));
  }

  #create(token: number, channel: number): void {
    const circuit = ++this.#nextCircuit;
    this.asked.push('create');
    this.rig.fake.queue('circuitAttached', circuit, token, 1);
    const isRefused = this.behaviour.refusing?.has(this.#peers.get(channel) ?? 0) ?? false;
    this.rig.fake.emit(
      isRefused ? 'circuitCreateFailed' : 'circuitCreated',
      circuit,
      0,
      0,
      Buffer.alloc(512),
    );
  }

  #relay(circuit: number, message: NativeRelayMessage): void {
    if (message.command !== EXTEND) return;
    const { agentId } = parseExtend(message.body);
    this.asked.push(`extend ${agentId & 0xffff}`);
    if (this.behaviour.silent?.has(agentId)) return;
    const command = this.behaviour.failing?.has(agentId) ? EXTEND_FAILED : EXTENDED;
    this.rig.fake.emit('relayMessage', circuit, 0, command, Buffer.from('a body that means nothing'));
  }
}
