import type { Handle, NativeDataPlane } from './binding-types.js';
import type { ChannelListener } from './listeners.js';

/**
 * A native channel by its handle: connected (link handshake) -> open -> closed. What is called after its end does
 * nothing. The data plane routes its events to `listener`.
 */
export class Channel {
  readonly handle: Handle;
  listener: ChannelListener | undefined;
  readonly #native: NativeDataPlane;
  #isClosed = false;

  constructor(native: NativeDataPlane, handle: Handle) {
    this.#native = native;
    this.handle = handle;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Writes one whole cell of the link handshake at once. */
  sendLinkCell(cell: Uint8Array): void {
    if (!this.#isClosed) this.#native.sendLinkCell(this.handle, cell);
  }

  /** The link cell just delivered is dealt with: reading goes on. */
  releaseLinkCell(): void {
    if (!this.#isClosed) this.#native.releaseLinkCell(this.handle);
  }

  /** Asks for the link's secrets, exported for `context`; `listener.onLinkExported` gets them. */
  exportLink(context: Uint8Array): void {
    if (!this.#isClosed) this.#native.exportLink(this.handle, context);
  }

  /** The link handshake is over. `isInitiator`: our side opened the connection. */
  open(isInitiator: boolean): void {
    if (!this.#isClosed) this.#native.openChannel(this.handle, isInitiator);
  }

  setDeliverUnknown(enabled: boolean): void {
    if (!this.#isClosed) this.#native.setDeliverUnknown(this.handle, enabled);
  }

  /** Ends it after what was written before; `onChannelClosed` follows. Idempotent. */
  close(): void {
    if (!this.#isClosed) this.#native.closeChannel(this.handle);
  }

  /** By the data plane: the channel is gone. */
  markClosed(): void {
    this.#isClosed = true;
  }
}
