import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SchedulerKit } from '../../src/testing/index.js';
import type { KitCircuit } from '../../src/testing/index.js';
import { TIMED_ONLY, WIDE, letters, lettersOfRuns, roomFor } from '../support/scheduler-order.js';

function isNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.abs(expected), `${actual} is not near ${expected}`);
}

/** A wide channel and circuits on it. */
function circuitsOf(kit: SchedulerKit, count: number, mux = 'ewma'): KitCircuit[] {
  return kit.channel({ tcpInfo: WIDE, mux }).circuits(count);
}

test('a sent cell counts half after each half-life', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 4000 });
  const [circuit] = circuitsOf(kit, 1);
  circuit?.queue(80);
  kit.tick();
  const counts = [0, 4000, 4000, 2000].map((ms) => {
    kit.advance(ms);
    return circuit?.count ?? 0;
  });
  // 80, 80/2, 80/4, and 80 / 2^2.5
  [80, 40, 20, 80 / 2 ** 2.5].forEach((expected, i) => isNear(counts[i] ?? 0, expected));
});

test('cells of several times add up by their age', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 1000 });
  const [circuit] = circuitsOf(kit, 1);
  for (const cells of [8, 4, 2]) {
    circuit?.queue(cells);
    kit.tick();
    kit.advance(1000);
  }
  // 8 / 8 + 4 / 4 + 2 / 2
  isNear(circuit?.count ?? 0, 3);
});

test('the circuit that sent least lately goes first, on one channel and over all', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 1000 });
  const [a, b] = circuitsOf(kit, 2);
  const [c] = circuitsOf(kit, 1);
  a?.queue(40);
  kit.tick();
  kit.advance(3000);
  // a has 40 / 8 = 5 now.
  b?.queue(7);
  kit.tick();
  kit.advance(10);
  [a, b, c].forEach((circuit) => circuit?.queue(2));
  // c has 0, a just under 5, b just under 7. Each cell adds 1: a and b never meet.
  assert.equal(lettersOfRuns(kit), 'ccaabb');
});

test('cells move one by one where counts are level', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const [a, b] = circuitsOf(kit, 2);
  a?.queue(5);
  kit.tick();
  a?.queue(2);
  b?.queue(7);
  // b catches up first; level with a it is a's turn, which was served longer ago.
  assert.equal(lettersOfRuns(kit), 'bbbbbabab');
});

test('ties go to the least recently served, then to the lower number, whichever channel they are on', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const [a, b, c] = circuitsOf(kit, 3);
  const [d] = circuitsOf(kit, 1);
  for (const circuit of [d, c, b, a]) circuit?.queue(1);
  assert.equal(lettersOfRuns(kit), 'abcd');
  // Vanilla has no interval: each sends once more at the same moment, so that all counts are 2.
  kit.configure({ policy: 'vanilla' });
  for (const circuit of [d, b, a, c]) {
    circuit?.queue(1);
    kit.tick();
  }
  assert.equal(kit.nowMs, 0);
  kit.configure({ policy: 'kist' });
  for (const circuit of [a, b, c, d]) circuit?.queue(2);
  assert.equal(lettersOfRuns(kit), 'dbacdbac');
});

test('counts of channels that sent at different times compare as they stand', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 1000 });
  const [old] = circuitsOf(kit, 1);
  const [recent] = circuitsOf(kit, 1);
  old?.queue(100);
  kit.tick();
  kit.advance(5000);
  recent?.queue(10);
  kit.tick();
  kit.takeWrites();
  // old has 100 / 32 = 3.1, though its channel sent nothing since; recent has 10.
  kit.advance(10);
  recent?.queue(1);
  old?.queue(1);
  kit.tick();
  assert.equal(letters(kit.takeWrites()), 'ab');
});

test('a change of half-life keeps the decay so far and counts from then on', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 1000 });
  const [circuit] = circuitsOf(kit, 1);
  circuit?.queue(64);
  kit.tick();
  kit.advance(2000);
  kit.configure({ circuitPriorityHalflifeMs: 500 });
  // 64 / 4, and nothing lost by the change itself.
  isNear(circuit?.count ?? 0, 16);
  kit.advance(1000);
  isNear(circuit?.count ?? 0, 4);
});

test('a half-life below 100 ms counts as 100 ms', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 0.001 });
  const [circuit] = circuitsOf(kit, 1);
  circuit?.queue(64);
  kit.tick();
  kit.advance(300);
  isNear(circuit?.count ?? 0, 8);
});

test('counts stay finite and ordered after any number of half-lives', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 100 });
  const [a, b] = circuitsOf(kit, 2);
  for (const days of [0.01, 1, 30]) {
    a?.queue(20);
    b?.queue(10);
    kit.tick();
    assert.ok((a?.count ?? NaN) > (b?.count ?? NaN));
    isNear(a?.count ?? NaN, 20);
    // The exponent passes 500 half-lives many times over.
    kit.advance(days * 86_400_000);
    assert.ok((a?.count ?? NaN) >= 0);
    a?.queue(1);
    b?.queue(1);
    assert.match(lettersOfRuns(kit), /^(ab|ba)$/);
    kit.advance(86_400_000);
  }
});

test('past 500 half-lives ratios are kept', () => {
  const kit = new SchedulerKit({ ...TIMED_ONLY, circuitPriorityHalflifeMs: 100 });
  const [a, b] = circuitsOf(kit, 2);
  kit.advance(49_900);
  // 499 half-lives after the beginning: as large as a weight gets.
  a?.queue(32);
  kit.tick();
  kit.advance(200);
  b?.queue(10);
  kit.tick();
  // 501: everything was multiplied down. a has 32 / 4.
  isNear(a?.count ?? 0, 8);
  isNear(b?.count ?? 0, 10);
  kit.advance(10);
  a?.queue(1);
  b?.queue(1);
  assert.equal(lettersOfRuns(kit), 'ab');
});

test('a quiet circuit overtakes bulk within one run', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const channel = kit.channel({ tcpInfo: roomFor(10) });
  const bulk = channel.circuits(5);
  const quiet = channel.circuit();
  bulk.forEach((circuit) => circuit.queue(1000));
  kit.advance(95);
  kit.takeWrites();
  quiet.queue(2);
  // It was queued last; five bulk circuits have thousands of cells before it.
  assert.equal(lettersOfRuns(kit).slice(0, 3), 'ffa');
});

test('round robin serves in turn whatever each has sent', () => {
  const kit = new SchedulerKit(TIMED_ONLY);
  const [a, b] = circuitsOf(kit, 2, 'round-robin');
  a?.queue(50);
  kit.tick();
  a?.queue(3);
  b?.queue(3);
  assert.equal(lettersOfRuns(kit), 'bababa');
  assert.equal(a?.count, 0);
});
