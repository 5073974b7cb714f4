/** The last lines of the service's activity, oldest first, in bounded memory. */
export class RegistrationLog {
  readonly #limit: number;
  readonly #lines: string[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(date: Date, text: string): void {
    this.#lines.push(`${date.toISOString()} ${text}`);
    if (this.#lines.length > this.#limit) this.#lines.shift();
  }

  lines(): string[] {
    return [...this.#lines];
  }
}
