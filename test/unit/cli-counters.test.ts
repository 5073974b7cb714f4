import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countersBetween, formatCounters, formatCountersShort, percentile } from '../../src/cli/counters.js';
import { Output } from '../../src/cli/output.js';
import { StatsTicker } from '../../src/cli/stats-ticker.js';
import type { NativeHistogram, NativeReactorStats, NativeStats } from '../../src/native/binding-types.js';
import { ManualClock } from '../../src/util/clock.js';

function histogram(counts: Record<number, number>): NativeHistogram {
  const bounds = Object.keys(counts).map(Number);
  const values = Object.values(counts);
  return {
    total: values.reduce((a, b) => a + b, 0),
    sum: 0,
    max: Math.max(0, ...bounds),
    bounds,
    counts: values,
  };
}

/** A reactor that wrote `cells` so far, with `delays` as its histogram. */
function reactor(cells: number, delays: Record<number, number>): NativeReactorStats {
  const zero = { turns: 0, sleeps: 0, readCalls: 0, writeCalls: 0, bytesIn: 0, bytesOut: 0, cellsCrossed: 0 };
  return {
    ...zero,
    ...{ policy: 'kist', channels: 3, circuits: 4, streams: 2, cellsInUse: 0, ringFull: 0, channelPauses: 0 },
    ...{ unknownCells: 0, droppedCells: 0, cpuNs: 0 },
    scheduler: {
      ...{
        timedRuns: cells / 10,
        drainRuns: 1,
        lightRuns: 2,
        fullRuns: 1,
        tcpInfoCalls: 0,
        tcpInfoErrors: 0,
        fallbacks: 0,
      },
      ...{ limitsAtZero: 5, drainWatches: 0, lowatCalls: 0, cellsWritten: cells, destroysWritten: 0 },
      ...{ bytesWritten: 0, runsCutShort: 0, pendingChannels: 0 },
      runNs: histogram({}),
      pendingPerRun: histogram({}),
      queueDelayNs: histogram(delays),
    },
  };
}

function snapshot(...reactors: NativeReactorStats[]): NativeStats {
  const closes = { channelsClosed: {}, circuitsClosed: {}, streamsClosed: {} };
  const onions = { processed: {}, dropped: {}, queued: 0, costNs: {}, queueDelayNs: histogram({}) };
  return { reactors, owners: [], ...closes, onions, memoryBytes: 0, memoryBudget: 0, undeliveredEvents: 0 };
}

test('rates are over all reactors since the last snapshot, levels as they stand', () => {
  const before = snapshot(reactor(100, {}), reactor(50, {}));
  const counters = countersBetween(before, snapshot(reactor(400, {}), reactor(150, {})), 2);
  assert.equal(counters.cellsPerSecond, 200);
  assert.equal(counters.circuits, 8);
  assert.equal(counters.timedRuns, 40);
  assert.equal(counters.limitsAtZero, 0);
});

test('a percentile is the bound below which that share of the new values lies', () => {
  const before = [histogram({ 1000: 500, 2000: 500 })];
  const now = [histogram({ 1000: 500, 2000: 550, 4000: 49, 8000: 1 })];
  assert.equal(percentile(now, before, 0.5), 2000);
  assert.equal(percentile(now, before, 0.99), 4000);
  assert.equal(percentile(now, before, 1), 8000);
  assert.equal(percentile(now, now, 0.5), undefined);
  assert.equal(percentile([histogram({ 1: 1 }), histogram({ 3: 3 })], [], 0.5), 3);
});

test('the line for people has every figure, with a dash where nothing was measured', () => {
  const line = formatCounters(
    countersBetween(undefined, snapshot(reactor(1000, { 1_500_000: 99, 20_000_000: 1 })), 1),
  );
  assert.equal(
    line,
    '1000 cells/s | 4 circuits | 2 streams | runs 100 timed 1 drain 2 light 1 full | queue delay p50 1.50 p99 1.50 ms | 5 limits at zero',
  );
  assert.match(formatCounters(countersBetween(undefined, snapshot(reactor(0, {})), 1)), /p50 - p99 - ms/);
});

test('the short line fits into 80 columns on a busy relay', () => {
  const delays = { 1_500_000: 99, 2_000_000_000: 5 };
  const line = formatCountersShort(countersBetween(undefined, snapshot(reactor(999_990, delays)), 10));
  assert.equal(line, '99999 cells/s, 4 circuits, 2 streams, runs 99999/4, p50 1.50 p99 2000 ms, 5 at 0');
  assert.ok(line.length <= 80 + 2);
});

class FakeTerminal {
  text = '';
  readonly isTTY: boolean;
  columns = 80;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string | Uint8Array): boolean {
    this.text += String(text);
    return true;
  }
}

function ticking(options: { isTTY: boolean; json?: boolean; live?: boolean }): {
  sink: FakeTerminal;
  clock: ManualClock;
  ticker: StatsTicker;
} {
  const sink = new FakeTerminal(options.isTTY);
  const clock = new ManualClock();
  let cells = 0;
  const stats = () => ({ dataPlane: snapshot(reactor((cells += 100), {})) });
  const output = new Output(sink, options.json ?? false);
  return {
    sink,
    clock,
    ticker: new StatsTicker({ output, source: { stats }, live: options.live ?? true, clock }),
  };
}

test('on a terminal the line is rewritten each second within the width, and gone at the end', async () => {
  const { sink, clock, ticker } = ticking({ isTTY: true });
  clock.advance(3000);
  const updates = sink.text.split('\r\x1b[K').slice(1);
  assert.equal(updates.length, 3);
  assert.ok(
    updates.every(
      (update) => update.startsWith('100 cells/s') && update.length < 80 && !update.includes('\n'),
    ),
  );
  await ticker.close();
  assert.ok(sink.text.endsWith('\r\x1b[K'));
  assert.equal(clock.pendingTimers, 0);
});

test('a wide terminal gets the long line, one that does not know its width counts as 80', () => {
  const wide = ticking({ isTTY: true });
  wide.sink.columns = 200;
  wide.clock.advance(1000);
  assert.match(wide.sink.text, /limits at zero$/);
  const unknown = ticking({ isTTY: true });
  unknown.sink.columns = 0;
  unknown.clock.advance(1000);
  assert.match(unknown.sink.text, /at 0$/);
});

test('without a terminal there is a plain line every 10 s, or none where nobody asked', () => {
  const { sink, clock } = ticking({ isTTY: false });
  clock.advance(20_000);
  assert.match(sink.text, /^10 cells\/s [ -~]*\n10 cells\/s [ -~]*\n$/);
  const quiet = ticking({ isTTY: true, live: false });
  quiet.clock.advance(60_000);
  assert.equal(quiet.sink.text, '');
});

test('--json gives a line each second and a last one, and no status line', async () => {
  const { sink, clock, ticker } = ticking({ isTTY: true, json: true, live: false });
  clock.advance(2500);
  await ticker.close();
  const lines = sink.text.trimEnd().split('\n');
  assert.equal(lines.length, 3);
  const last = JSON.parse(lines[2] ?? '') as {
    event: string;
    seconds: number;
    counters: { cellsPerSecond: number };
  };
  assert.deepEqual([last.event, last.seconds, last.counters.cellsPerSecond], ['stats', 0.5, 200]);
});

test('a line for people first takes the status line away', () => {
  const sink = new FakeTerminal(true);
  const output = new Output(sink, false);
  output.status('counting');
  output.line('circuit: a -> b -> c');
  assert.equal(sink.text, '\r\x1b[Kcounting\r\x1b[Kcircuit: a -> b -> c\n');
});
