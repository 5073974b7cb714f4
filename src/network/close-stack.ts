/** Things to close, last opened first. One that fails does not keep the others open. */
export class CloseStack {
  readonly #closers: (() => Promise<void> | void)[] = [];
  #closed: Promise<void> | undefined;

  /** What is added after `close()` is closed at once: a start that was overtaken leaves nothing behind. */
  add(close: () => Promise<void> | void): void {
    if (this.#closed === undefined) this.#closers.push(close);
    else this.#closed = this.#closed.then(close);
  }

  /** Idempotent. Rejects with the first failure, after everything was tried. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  /** Closes as soon as `signal` is aborted, until the returned function is called: for a start under way. */
  closeOnAbort(signal: AbortSignal): () => void {
    const onAbort = (): void => void this.close().catch(() => undefined);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    return () => signal.removeEventListener('abort', onAbort);
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
