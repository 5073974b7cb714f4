import { setTimeout as pause } from 'node:timers/promises';
import { Silence, Tally } from './tally.js';
import { TorLoad } from './tor-load.js';
import type { RelayLook, RelayRemains } from './tor-relay-child.js';
import type { RelayProcess } from './tor-relay-process.js';
import { TorScene } from './tor-scene.js';
import type { RelayResult, TorSoakResult } from './tor-verdict.js';
import { mib, quarters } from './verdict.js';

/**
 * The soak of the Tor dialect: C tor's clients build circuits through a middle and an exit of ours, both of which are
 * restarted half-way under load. Each relay has a process of its own, so what that holds is the relay's alone.
 */

const SAMPLE_MS = 500;
const LINE_MS = 10_000;
/** Longer than any verdict allows; then the run goes on without. */
const BACK_MS = 120_000;
/** What a restart cut is noticed by its user within this. */
const NOTICE_MS = 2000;

/** What `after` counts beyond `before`. */
function more(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const counts = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** What is gathered of one relay. */
class RelayNotes {
  readonly relay: RelayProcess;
  readonly looks: RelayLook[] = [];
  readonly remains: RelayRemains[] = [];
  readonly rss: number[] = [];
  readonly heapQuarters: number[] = [];
  readonly fingerprints: string[];

  constructor(relay: RelayProcess, fingerprint: string) {
    this.relay = relay;
    this.fingerprints = [fingerprint];
  }

  async stop(): Promise<void> {
    this.looks.push(await this.relay.look());
    this.remains.push(await this.relay.stop());
  }

  async restart(): Promise<void> {
    await this.stop();
    this.fingerprints.push((await this.relay.run()).fingerprint);
  }
}

/** One run over a network that is up. */
class TorSoak {
  readonly #scene: TorScene;
  readonly #minutes: number;
  readonly #tally = new Tally();
  readonly #load: TorLoad;
  readonly #records: readonly RelayNotes[];
  readonly #silence = new Silence();
  #cutByRestart = 0;
  #backAfterMs = Infinity;
  #mostHeldStreams = 0;

  constructor(scene: TorScene, minutes: number) {
    this.#scene = scene;
    this.#minutes = minutes;
    this.#load = new TorLoad(scene, this.#tally);
    this.#records = scene.ours.map((relay, i) => new RelayNotes(relay, scene.fingerprints[i] ?? ''));
  }

  async run(): Promise<TorSoakResult> {
    const before = await this.#scene.warnings();
    this.#load.start();
    const restarted = pause(this.#minutes * 30_000 + SAMPLE_MS).then(() => this.#restart());
    // Awaited below; it must not go unheard meanwhile.
    restarted.catch(() => undefined);
    await this.#watch();
    await restarted;
    await this.#load.stop();
    const warnings = await this.#scene.warnings();
    await this.#scene.leaveOursAlone();
    const drained = await Promise.all(this.#records.map(({ relay }) => relay.drain()));
    await Promise.all(this.#records.map((record) => record.stop()));
    const relays = this.#records.map(({ relay, rss, ...rest }, i): [string, RelayResult] => [
      relay.init.nickname,
      { ...rest, rssQuarters: quarters(rss), drained: drained[i] ?? {} },
    ]);
    return { ...this.#counts(), relays: Object.fromEntries(relays), torWarnings: more(before, warnings) };
  }

  #counts(): Omit<TorSoakResult, 'relays' | 'torWarnings'> {
    const { circuits, circuitsFailed, wrongBytes, bytesDown, bytesUp, fetches, failures, kinds, errors } =
      this.#tally;
    return {
      ...{ minutes: this.#minutes, circuits, circuitsFailed, streams: fetches, wrongBytes },
      cutByRestart: this.#cutByRestart,
      cut: failures - this.#cutByRestart,
      ...{ kinds: Object.fromEntries(kinds), errors: Object.fromEntries(errors) },
      ...{ megabytesDown: bytesDown / 1e6, megabytesUp: bytesUp / 1e6 },
      longestSilenceMs: this.#silence.longestMs,
      mostHeldStreams: this.#mostHeldStreams,
      backAfterMs: this.#backAfterMs,
    };
  }

  /** Both at once, under load; then waits until the clients build circuits through them again. */
  async #restart(): Promise<void> {
    const before = this.#tally.failures;
    const since = performance.now();
    await Promise.all(this.#records.map((record) => record.restart()));
    this.#load.mark();
    console.log(`both of ours restarted in ${((performance.now() - since) / 1000).toFixed(1)} s`);
    const end = performance.now() + BACK_MS;
    while (!this.#load.hasBuiltAll() && performance.now() < end) await pause(50);
    if (this.#load.hasBuiltAll()) this.#backAfterMs = performance.now() - since;
    console.log(`clients use them again after ${(this.#backAfterMs / 1000).toFixed(1)} s`);
    await pause(NOTICE_MS);
    this.#cutByRestart = this.#tally.failures - before;
  }

  /** Samples until the time is over, with a line now and then. */
  async #watch(): Promise<void> {
    const start = performance.now();
    const ms = this.#minutes * 60_000;
    let line = LINE_MS;
    let quarter = 1;
    for (let next = SAMPLE_MS; next <= ms; next += SAMPLE_MS) {
      await pause(Math.max(0, start + next - performance.now()));
      for (const { relay, rss } of this.#records) {
        if (relay.death !== undefined) throw relay.death;
        rss.push(relay.rss);
      }
      this.#silence.look(this.#tally.bytesDown);
      this.#mostHeldStreams = Math.max(this.#mostHeldStreams, this.#load.heldStreams);
      for (const { driver } of this.#scene.clients) driver.events.length = 0;
      if (next >= line) {
        line += LINE_MS;
        console.log(this.#describe(next));
      }
      if (next < (ms * quarter) / 4) continue;
      quarter++;
      for (const { heapQuarters, relay } of this.#records) heapQuarters.push(await relay.heap());
    }
  }

  #describe(ms: number): string {
    const { circuits, circuitsFailed, fetches, failures, bytesDown, bytesUp, wrongBytes } = this.#tally;
    return [
      `${String(Math.round(ms / 1000)).padStart(5)} s`,
      `circuits ${circuits} (${circuitsFailed} failed)`,
      `streams ${fetches} (${failures - circuitsFailed} cut), ${this.#load.heldStreams} held`,
      `${(bytesDown / 1e6).toFixed(0)} MB down ${(bytesUp / 1e6).toFixed(0)} MB up`,
      `wrong ${wrongBytes}`,
      `RSS ${this.#records.map(({ relay }) => mib(relay.rss)).join(' and ')} MiB`,
    ].join(', ');
  }
}

/** Starts a network, wears our relays out for so long, ends everything. */
export async function torSoak(minutes: number): Promise<TorSoakResult> {
  const scene = await TorScene.start((text) => console.log(text));
  try {
    return await new TorSoak(scene, minutes).run();
  } finally {
    await scene.close();
  }
}

export function reportTor(result: TorSoakResult): void {
  const row = (name: string, value: string): void => console.log(`${name.padEnd(34)} ${value}`);
  console.log('');
  row('minutes', String(result.minutes));
  row('circuits built / failed', `${result.circuits} / ${result.circuitsFailed}`);
  for (const [kind, { done, failed }] of Object.entries(result.kinds))
    row(`${kind}: done / cut`, `${done} / ${failed}`);
  row('cut by the restart / otherwise', `${result.cutByRestart} / ${result.cut}`);
  row('most streams held at once', String(result.mostHeldStreams));
  row('MB down / up', `${result.megabytesDown.toFixed(0)} / ${result.megabytesUp.toFixed(0)}`);
  row('wrong bytes', String(result.wrongBytes));
  row('longest silence, ms', result.longestSilenceMs.toFixed(0));
  row('clients back after, ms', result.backAfterMs.toFixed(0));
  for (const [name, relay] of Object.entries(result.relays)) {
    row(`${name} RSS by quarter, MiB`, relay.rssQuarters.map(mib).join('  '));
    row(`${name} heap by quarter, MiB`, relay.heapQuarters.map(mib).join('  '));
    row(`${name} without clients`, JSON.stringify(relay.drained));
    for (const [i, { plane, process }] of relay.remains.entries()) {
      row(`${name}, life ${i + 1}: data plane at end`, JSON.stringify(plane));
      row(`${name}, life ${i + 1}: process start`, JSON.stringify(process.start));
      row(`${name}, life ${i + 1}: process end`, JSON.stringify(process.end));
    }
  }
  for (const [name, count] of Object.entries(result.errors)) row('met', `${count} x ${name}`);
  for (const [name, count] of Object.entries(result.torWarnings)) row('tor warned', `${count} x ${name}`);
}
