/**
 * Wears a network out and looks at what is left: `npm run soak -- [--minutes N] [--json FILE]`, 20 minutes unless told.
 * Circuits are built and closed, bytes go every way they can, peers are killed and started again; at the end all that
 * was taken must have been given back. Exit code 1 says that something was not, after the reasons.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Load } from './load.js';
import { planeResources, processResources, settle } from './resources.js';
import { SoakNetwork } from './soak-network.js';
import { Silence, Tally } from './tally.js';
import { faultsOf, mib, quarters } from './verdict.js';
import type { SoakResult } from './verdict.js';
import { reportTor, torSoak } from './tor-soak.js';
import { torFaultsOf } from './tor-verdict.js';

const NETWORK = { relays: 3, peers: 3, threads: 2 };
const SAMPLE_MS = 500;
const LINE_MS = 10_000;
const SETTLE_MS = 10_000;
const WARM_UP_MS = 10_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= 7 * 24 * 60) return minutes;
  throw new TypeError(`--minutes must be a number above 0 and at most a week, not ${text}`);
}

/** Samples RSS until the time is over, with a line now and then. */
async function watch(network: SoakNetwork, tally: Tally, minutes: number) {
  const start = performance.now();
  const ms = minutes * 60_000;
  const rss: number[] = [];
  const heapQuarters: number[] = [];
  const silence = new Silence();
  let line = LINE_MS;
  for (let next = SAMPLE_MS; next <= ms; next += SAMPLE_MS) {
    await pause(Math.max(0, start + next - performance.now()));
    rss.push(process.memoryUsage.rss());
    silence.look(tally.bytesDown);
    if (next >= line) {
      line += LINE_MS;
      console.log(describe(network, tally, next));
    }
    if (next < (ms * (heapQuarters.length + 1)) / 4) continue;
    collect();
    heapQuarters.push(process.memoryUsage().heapUsed);
  }
  return { rss, heapQuarters, longestSilenceMs: silence.longestMs };
}

function describe(network: SoakNetwork, tally: Tally, ms: number): string {
  const held = planeResources(network.plane.stats());
  return [
    `${String(Math.round(ms / 1000)).padStart(5)} s`,
    `circuits ${tally.circuits} (${tally.circuitsFailed} failed)`,
    `fetches ${tally.fetches} (${tally.failures - tally.circuitsFailed} cut)`,
    `${(tally.bytesDown / 1e6).toFixed(0)} MB down ${(tally.bytesUp / 1e6).toFixed(0)} MB up`,
    `wrong ${tally.wrongBytes}`,
    `kills ${network.kills}`,
    `RSS ${mib(process.memoryUsage.rss())} MiB`,
    `held: ${held['cells']} cells ${held['circuits']} circuits ${held['streams']} streams ${held['channels']} channels`,
  ].join(', ');
}

/** What the first network of a process leaves for good (the addon, thread pool, resolver) is not a leak. */
async function warmUp(): Promise<void> {
  const network = await SoakNetwork.start({ ...NETWORK, peers: 1 });
  const load = new Load(network, new Tally());
  load.start();
  await pause(WARM_UP_MS);
  await load.stop();
  await network.closeUsers();
  network.plane.close();
  collect();
}

async function run(minutes: number): Promise<SoakResult> {
  await warmUp();
  const start = await settle(processResources, {}, 500);
  const network = await SoakNetwork.start(NETWORK);
  const tally = new Tally();
  const load = new Load(network, tally);
  load.start();
  const { rss, heapQuarters, longestSilenceMs } = await watch(network, tally, minutes);
  await load.stop();
  await network.closeUsers();
  const empty = planeResources({
    ...network.plane.stats(),
    reactors: [],
    memoryBytes: 0,
    undeliveredEvents: 0,
  });
  const plane = await settle(() => planeResources(network.plane.stats()), empty, SETTLE_MS);
  network.plane.close();
  collect();
  const end = await settle(processResources, start, SETTLE_MS);
  return {
    ...{ minutes, circuits: tally.circuits, circuitsFailed: tally.circuitsFailed },
    ...{
      fetches: tally.fetches,
      failures: tally.failures,
      wrongBytes: tally.wrongBytes,
      kills: network.kills,
    },
    ...{ kinds: Object.fromEntries(tally.kinds), errors: Object.fromEntries(tally.errors) },
    longestSilenceMs,
    ...{ megabytesDown: tally.bytesDown / 1e6, megabytesUp: tally.bytesUp / 1e6 },
    ...{
      rssQuarters: quarters(rss),
      heapQuarters,
      process: { start, end },
      plane: { start: empty, end: plane },
    },
  };
}

function report(result: SoakResult): void {
  const row = (name: string, value: string): void => console.log(`${name.padEnd(28)} ${value}`);
  console.log('');
  row('minutes', String(result.minutes));
  row('circuits built / failed', `${result.circuits} / ${result.circuitsFailed}`);
  for (const [kind, { done, failed }] of Object.entries(result.kinds))
    row(`${kind}: done / cut`, `${done} / ${failed}`);
  row('MB down / up', `${result.megabytesDown.toFixed(0)} / ${result.megabytesUp.toFixed(0)}`);
  row('wrong bytes', String(result.wrongBytes));
  row('peers killed', String(result.kills));
  row('longest silence, ms', result.longestSilenceMs.toFixed(0));
  row('RSS by quarter, MiB', result.rssQuarters.map(mib).join('  '));
  row('heap by quarter, MiB', result.heapQuarters.map(mib).join('  '));
  for (const part of ['process', 'plane'] as const) {
    const { start, end } = result[part];
    const names = [...new Set([...Object.keys(start), ...Object.keys(end)])];
    for (const name of names) row(`${part} ${name}: start / end`, `${start[name] ?? 0} / ${end[name] ?? 0}`);
  }
  for (const [name, count] of Object.entries(result.errors)) row('met', `${count} x ${name}`);
}

/** The run that was asked for, reported; its faults beside it. */
async function runAndReport(minutes: number, isTor: boolean): Promise<{ faults: string[]; result: object }> {
  if (isTor) {
    const result = await torSoak(minutes);
    reportTor(result);
    return { faults: torFaultsOf(result), result };
  }
  const result = await run(minutes);
  report(result);
  return { faults: faultsOf(result), result };
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    json: { type: 'string' },
    tor: { type: 'boolean', default: false },
  },
});
const { faults, result } = await runAndReport(minutesOf(values.minutes), values.tor);
const json = JSON.stringify({ soak: faults.length === 0 ? 'passed' : 'failed', faults, ...result });
console.log(json);
if (values.json !== undefined) writeFileSync(values.json, `${json}\n`);
for (const fault of faults) console.error(`soak: ${fault}`);
process.exitCode = faults.length === 0 ? 0 : 1;
