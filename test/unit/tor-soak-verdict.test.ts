import assert from 'node:assert/strict';
import { test } from 'node:test';
import { torFaultsOf } from '../soak/tor-verdict.js';
import type { RelayResult, TorSoakResult } from '../soak/tor-verdict.js';

const CLEAN = { plane: { cells: 0 }, process: { start: { threads: 11 }, end: { threads: 11 } } };

const RELAY: RelayResult = {
  ...{ fingerprints: ['AB', 'AB'], looks: [], heapQuarters: [1, 1, 1, 1] },
  rssQuarters: [90e6, 100e6, 103e6, 105e6],
  drained: { circuits: 0, channels: 1, relayChannels: 1, memoryBytes: 2000 },
  remains: [CLEAN, CLEAN],
};

const GOOD: TorSoakResult = {
  ...{ minutes: 10, circuits: 300, circuitsFailed: 20, streams: 30_000, cutByRestart: 1500, cut: 3 },
  ...{ wrongBytes: 0, errors: {}, megabytesDown: 1, megabytesUp: 1, longestSilenceMs: 900 },
  kinds: { download: { done: 30_000, failed: 10 }, circuit: { done: 0, failed: 20 } },
  ...{ mostHeldStreams: 1500, backAfterMs: 62_000, torWarnings: {} },
  relays: { ourExit: RELAY },
};

function faultsWith(relay: Partial<RelayResult>): string[] {
  return torFaultsOf({ ...GOOD, relays: { ourExit: { ...RELAY, ...relay } } });
}

test('a run with a restart that gave everything back has no fault', () => {
  assert.deepEqual(torFaultsOf(GOOD), []);
});

test('what either life of a relay left behind is named', () => {
  const process = { start: { threads: 11 }, end: { threads: 12 } };
  assert.deepEqual(faultsWith({ remains: [CLEAN, { plane: { cells: 2 }, process }] }), [
    'ourExit, life 2, data plane cells: 0 at the start, 2 at the end',
    'ourExit, life 2, process threads: 11 at the start, 12 at the end',
  ]);
});

test('without clients only channels that the relay knows may be left', () => {
  assert.deepEqual(faultsWith({ drained: { circuits: 1, channels: 2, relayChannels: 1 } }), [
    'ourExit: 2 channels, 1 of them known',
    'ourExit without clients: circuits: 0 at the start, 1 at the end',
  ]);
});

test('another fingerprint and growth are faults', () => {
  assert.equal(faultsWith({ fingerprints: ['AB', 'CD'] }).length, 1);
  assert.equal(faultsWith({ rssQuarters: [90e6, 100e6, 103e6, 106e6] }).length, 1);
});

test('clients that do not come back, cuts out of the blue, wrong bytes and silence are faults', () => {
  const bad = { backAfterMs: Infinity, cut: 31, wrongBytes: 1, longestSilenceMs: 16_000, streams: 17_999 };
  assert.equal(torFaultsOf({ ...GOOD, ...bad }).length, 5);
  assert.equal(torFaultsOf({ ...GOOD, kinds: { download: { done: 0, failed: 4 } } }).length, 1);
});
