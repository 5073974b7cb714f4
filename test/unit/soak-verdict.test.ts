import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultsOf, median, quarters } from '../soak/verdict.js';
import type { SoakResult } from '../soak/verdict.js';

const GOOD: SoakResult = {
  ...{ minutes: 2, circuits: 1000, circuitsFailed: 20, fetches: 300, failures: 30, wrongBytes: 0, kills: 6 },
  kinds: { short: { done: 300, failed: 10 }, circuit: { done: 0, failed: 20 } },
  ...{ errors: {}, megabytesDown: 1, megabytesUp: 1, longestSilenceMs: 900 },
  rssQuarters: [90e6, 100e6, 103e6, 105e6],
  heapQuarters: [1, 1, 1, 1],
  process: { start: { descriptors: 20, threads: 11 }, end: { descriptors: 20, threads: 11 } },
  plane: { start: { cells: 0 }, end: { cells: 0 } },
};

test('a good run has no fault', () => {
  assert.deepEqual(faultsOf(GOOD), []);
});

test('everything that was not given back is named', () => {
  const { start } = GOOD.process;
  const end = { descriptors: 21, threads: 11, Timeout: 2 };
  assert.deepEqual(faultsOf({ ...GOOD, process: { start, end }, plane: { start: {}, end: { cells: 3 } } }), [
    'process descriptors: 20 at the start, 21 at the end',
    'process Timeout: 0 at the start, 2 at the end',
    'data plane cells: 0 at the start, 3 at the end',
  ]);
});

test('growth, wrong bytes, silence, too few circuits and a kind that never worked are faults', () => {
  const cases: [Partial<SoakResult>, RegExp][] = [
    [{ rssQuarters: [1e6, 100e6, 1e6, 105.1e6] }, /^RSS grew from 95\.4 \(second quarter\) to 100\.2 MiB/],
    [{ wrongBytes: 1 }, /bytes were wrong/],
    [{ longestSilenceMs: 15_001 }, /not a byte came for 15\.0 s/],
    [{ circuits: 999 }, /999 circuits were built, not 1000/],
    [{ kinds: { upload: { done: 0, failed: 3 } } }, /not one 'upload' succeeded/],
    [{ failures: 301 }, /more failed than succeeded/],
  ];
  for (const [change, fault] of cases) {
    const faults = faultsOf({ ...GOOD, ...change });
    assert.equal(faults.length, 1, faults.join());
    assert.match(faults[0] ?? '', fault);
  }
});

test('quarters are medians, so that a peak does not count', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.deepEqual(quarters([1, 1, 9, 2, 2, 2, 3, 3, 90, 4, 4, 4]), [1, 2, 3, 4]);
});
