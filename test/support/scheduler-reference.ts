/**
 * KIST and EWMA written down naively, as the definition to compare the real ones with: again and again search all
 * circuits for the one with the lowest (count, last served, number) whose channel has room for one more cell, and move
 * one cell. A cell sent at t adds 2^(t / half-life). A DESTROY goes before circuits, but seven cells pass after each
 * while its channel has any; its key is (0, when it was queued, 0).
 */
export interface ReferenceChannel {
  readonly ewma: boolean;
  readonly cellBytes: number;
  readonly recordOverhead: number;
  limit: number;
  written: number;
  outbuf: number;
  readonly destroys: number[];
  untilDestroy: number;
}

interface ReferenceCircuit {
  readonly number: number;
  readonly channel: ReferenceChannel;
  queued: number;
  count: number;
  lastServed: number;
}

interface Candidate {
  readonly key: readonly [count: number, lastServed: number, number: number];
  readonly channel: ReferenceChannel;
  readonly circuit?: ReferenceCircuit;
}

const CELLS_PER_DESTROY = 7;
const RECORD_BYTES = 16384;

function isLess(a: Candidate, b: Candidate): boolean {
  for (const [i, value] of a.key.entries()) {
    const other = b.key[i] ?? 0;
    if (value !== other) return value < other;
  }
  return false;
}

/** The limit in exact arithmetic, for a factor of n / 2. */
export function exactLimit(
  { cwnd, unacked, mss, notsent }: { cwnd: number; unacked: number; mss: number; notsent: number },
  outbuf: number,
  halves = 2,
): bigint {
  const free = BigInt(Math.max(cwnd - unacked, 0)) * BigInt(mss);
  const reserve = (BigInt(cwnd) * BigInt(mss) * BigInt(halves)) / 2n - BigInt(notsent) - BigInt(outbuf);
  return free + reserve > 0n ? free + reserve : 0n;
}

export class Reference {
  readonly channels: ReferenceChannel[] = [];
  readonly #circuits: ReferenceCircuit[] = [];
  readonly #halflifeMs: number;
  #services = 0;

  constructor(halflifeMs: number) {
    this.#halflifeMs = halflifeMs;
  }

  addChannel(ewma: boolean, recordOverhead: number): void {
    const empty = { limit: 0, written: 0, outbuf: 0, destroys: [], untilDestroy: 0 };
    this.channels.push({ ewma, cellBytes: 512, recordOverhead, ...empty });
  }

  addCircuit(channel: number): void {
    const owner = this.channels[channel] as ReferenceChannel;
    const number = this.#circuits.length + 1;
    this.#circuits.push({ number, channel: owner, queued: 0, count: 0, lastServed: 0 });
  }

  queue(circuit: number, cells: number): void {
    (this.#circuits[circuit] as ReferenceCircuit).queued += cells;
  }

  queueDestroy(channel: number): void {
    this.channels[channel]?.destroys.push(++this.#services);
  }

  /** One whole run at `timeMs` with the limits that are set; returns the circuit of each cell. */
  run(timeMs: number): (number | 'destroy')[] {
    const whole = Math.floor(timeMs / this.#halflifeMs);
    const weight = 2 ** whole * 2 ** (timeMs / this.#halflifeMs - whole);
    const order: (number | 'destroy')[] = [];
    for (const channel of this.channels) channel.written = 0;
    for (let best = this.#best(); best !== undefined; best = this.#best()) {
      this.#move(best, weight);
      order.push(best.circuit?.number ?? 'destroy');
    }
    for (const channel of this.channels) channel.outbuf = 0;
    return order;
  }

  #best(): Candidate | undefined {
    let best: Candidate | undefined;
    for (const candidate of this.#candidates()) {
      const { channel } = candidate;
      if (channel.written + this.#cost(channel) > channel.limit) continue;
      if (best === undefined || isLess(candidate, best)) best = candidate;
    }
    return best;
  }

  #candidates(): Candidate[] {
    const active = this.#circuits.filter(({ queued }) => queued > 0);
    const destroying = this.channels.filter(
      (channel) =>
        channel.destroys.length > 0 &&
        (channel.untilDestroy === 0 || !active.some((circuit) => circuit.channel === channel)),
    );
    return [
      ...destroying.map((channel) => ({ key: [0, channel.destroys[0] ?? 0, 0], channel }) as const),
      ...active
        .filter(({ channel }) => !destroying.includes(channel))
        .map(
          (circuit) =>
            ({
              key: [circuit.count, circuit.lastServed, circuit.number],
              channel: circuit.channel,
              circuit,
            }) as const,
        ),
    ];
  }

  #cost(channel: ReferenceChannel): number {
    return this.#wire(channel, channel.outbuf + channel.cellBytes) - this.#wire(channel, channel.outbuf);
  }

  #wire(channel: ReferenceChannel, bytes: number): number {
    return bytes + Math.ceil(bytes / RECORD_BYTES) * channel.recordOverhead;
  }

  #move({ channel, circuit }: Candidate, weight: number): void {
    channel.written += this.#cost(channel);
    channel.outbuf += channel.cellBytes;
    if (circuit === undefined) {
      channel.destroys.shift();
      channel.untilDestroy = CELLS_PER_DESTROY;
      return;
    }
    if (channel.untilDestroy > 0) --channel.untilDestroy;
    --circuit.queued;
    if (channel.ewma) circuit.count += weight;
    circuit.lastServed = ++this.#services;
  }
}
