/** What was done and how it ended, by kind. Failures are expected while peers are killed; wrong bytes never. */
export class Tally {
  circuits = 0;
  circuitsFailed = 0;
  wrongBytes = 0;
  bytesDown = 0;
  bytesUp = 0;
  readonly kinds = new Map<string, { done: number; failed: number }>();
  readonly errors = new Map<string, number>();

  done(kind: string): void {
    this.#of(kind).done++;
  }

  failed(kind: string, error: unknown): void {
    this.#of(kind).failed++;
    const { code, message } = error as { code?: string; message?: string };
    const name = code ?? message ?? String(error);
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
  }

  get fetches(): number {
    return [...this.kinds.values()].reduce((sum, { done }) => sum + done, 0);
  }

  get failures(): number {
    return [...this.kinds.values()].reduce((sum, { failed }) => sum + failed, 0);
  }

  #of(kind: string): { done: number; failed: number } {
    const known = this.kinds.get(kind) ?? { done: 0, failed: 0 };
    this.kinds.set(kind, known);
    return known;
  }
}

/** The longest time in which a count did not grow, as seen by looking now and then. */
export class Silence {
  longestMs = 0;
  #last = -1;
  #since = performance.now();

  look(count: number): void {
    if (count !== this.#last) {
      this.#last = count;
      this.#since = performance.now();
    }
    this.longestMs = Math.max(this.longestMs, performance.now() - this.#since);
  }
}
