import type { Registration, RegistrationTable } from './registration-table.js';

interface ProbeState {
  nextAt: number;
  /** Probes sent since the last ACK. */
  unanswered: number;
  hasAnswered: boolean;
}

/** So many probes leave per sweep: the answers to a large table must not flood our own receive buffer. */
const MAX_PROBES_PER_SWEEP = 256;

/**
 * Asks registered agents, on the port after the one their Register came from, whether they are still there.
 *
 * Lenient: many agents never answer a Probe, so only one that has answered before and then misses `misses` probes
 * in a row is dropped. One that never answers stays until its lifetime ends.
 */
export class RegistrationProber {
  readonly #table: RegistrationTable;
  readonly #intervalMs: number;
  readonly #misses: number;
  readonly #send: (address: string, port: number) => void;
  readonly #states = new Map<string, ProbeState>();

  constructor(
    table: RegistrationTable,
    options: { intervalMs: number; misses: number; send: (address: string, port: number) => void },
  ) {
    this.#table = table;
    this.#intervalMs = options.intervalMs;
    this.#misses = options.misses;
    this.#send = options.send;
  }

  /** Probes those that are due and returns the registrations whose agent is gone; the caller removes them. */
  sweep(now: number): Registration[] {
    const gone: Registration[] = [];
    const alive = new Set<string>();
    let sent = 0;
    for (const registration of this.#table.values()) {
      if (registration.sourcePort >= 0xffff) continue; // There is no port after it.
      const agent = `${registration.sourceAddress}:${registration.sourcePort}`;
      const isFirst = !alive.has(agent);
      alive.add(agent);
      const state = this.#stateOf(agent, now);
      if (state.hasAnswered && state.unanswered >= this.#misses && state.nextAt <= now)
        gone.push(registration);
      else if (isFirst && state.nextAt <= now && sent < MAX_PROBES_PER_SWEEP) {
        sent++;
        state.unanswered++;
        state.nextAt = now + this.#intervalMs;
        this.#send(registration.sourceAddress, registration.sourcePort + 1);
      }
    }
    for (const agent of this.#states.keys()) if (!alive.has(agent)) this.#states.delete(agent);
    return gone;
  }

  /** An ACK came: from the probed port as it should, or from the port before it, which some agents use. */
  acknowledge(address: string, port: number): void {
    for (const sourcePort of [port - 1, port]) {
      const state = this.#states.get(`${address}:${sourcePort}`);
      if (state === undefined || state.unanswered === 0) continue;
      state.unanswered = 0;
      state.hasAnswered = true;
      return;
    }
  }

  /** A Register came from there: the agent is alive, whether it answers Probes or not. */
  heardFrom(address: string, sourcePort: number, now: number): void {
    this.#stateOf(`${address}:${sourcePort}`, now).unanswered = 0;
  }

  #stateOf(agent: string, now: number): ProbeState {
    const known = this.#states.get(agent);
    if (known !== undefined) return known;
    const state = { nextAt: now + this.#intervalMs, unanswered: 0, hasAnswered: false };
    this.#states.set(agent, state);
    return state;
  }
}
