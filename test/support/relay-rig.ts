import { Relay } from '../../src/relay/index.js';
import type { RelayOptions } from '../../src/relay/index.js';
import { encodeLinkCell } from '../../src/dialect/tor61/cells.js';
import { ManualClock } from '../../src/util/clock.js';
import { FakeNative } from './fake-native.js';

export const SELF = 0x00010001;
export const PEER = 0x00020001;
export const OTHER = 0x00030001;
export const [OPEN, OPENED, OPEN_FAILED] = [5, 6, 7];
export const [BEGIN, END, CONNECTED, EXTEND, EXTENDED, BEGIN_FAILED, EXTEND_FAILED] = [1, 3, 4, 6, 7, 11, 12];

export function linkCell(command: number, openerId: number, openedId: number, circId = 0): Buffer {
  return encodeLinkCell({ command, circId, openerId, openedId });
}

export const text = (value: string): Buffer => Buffer.from(value, 'latin1');

/** A relay over a scripted data plane and a manual clock; handles of channels and circuits are the test's to choose. */
export class RelayRig {
  readonly fake = new FakeNative();
  readonly clock = new ManualClock();
  readonly relay: Relay;

  private constructor(options: Partial<RelayOptions>) {
    this.relay = new Relay({ agentId: SELF, dataPlane: this.fake.plane, clock: this.clock, ...options });
  }

  static async start(options: Partial<RelayOptions> = {}): Promise<RelayRig> {
    const rig = new RelayRig(options);
    await rig.relay.start();
    return rig;
  }

  /** A peer's channel, accepted and open. */
  accept(handle: number, peerId = PEER): void {
    this.fake.emit('channelAccepted', handle, 1, 0, '127.0.0.1:5000');
    this.fake.emit('linkCell', handle, OPEN, 0, linkCell(OPEN, peerId, SELF));
  }

  /** A circuit that a peer began on that channel. */
  create(circuit: number, channel: number, circId = 7): void {
    this.fake.emit('circuitCreate', circuit, channel, circId, Buffer.alloc(512));
  }

  /** The channel that the last connect() asked for, connected; open too when `opened`. */
  connected(handle: number, opened = true): void {
    const token = this.fake.last('connect')[0] as number;
    this.fake.emit('channelConnected', handle, token);
    if (!opened) return;
    const cell = this.fake.last('sendLinkCell')[1] as Buffer;
    this.fake.emit(
      'linkCell',
      handle,
      OPENED,
      0,
      linkCell(OPENED, cell.readUInt32BE(3), cell.readUInt32BE(7)),
    );
  }

  async close(): Promise<void> {
    const stopped = this.relay.stop();
    this.clock.advance(60_000);
    await stopped;
    this.fake.plane.close();
  }
}
