import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf, runChild, times } from './children/run-child.js';

const RUNS = 50;
const AT_ONCE = 3;
const EXIT_CODE = 7;

// Three relays, origin, proxy and web server in one process, endless downloads and an endless upload under way.

test('process.exit() in the middle of traffic never crashes', { timeout: 300_000 }, async () => {
  const faults = await times(RUNS, AT_ONCE, async (i) => {
    const how = i % 3 === 0 ? 'exit-in-handler' : 'exit';
    const end = await runChild('exit-child.js', [how, String(1 + (i % 2)), String((i * 7) % 40)]);
    return faultOf(end, EXIT_CODE);
  });
  assert.equal(faults.length, RUNS);
  assert.deepEqual(
    faults.filter((fault) => fault !== undefined),
    [],
  );
});

test('a stopped network lets the process end by itself', { timeout: 120_000 }, async () => {
  const faults = await times(4, 2, async (i) => {
    const end = await runChild('exit-child.js', ['end', String(1 + (i % 2)), '5']);
    return faultOf(end, 0);
  });
  assert.deepEqual(faults, Array.from({ length: 4 }));
});

for (const how of ['throw', 'reject']) {
  test(`an uncaught error (${how}) ends as in any other program`, { timeout: 120_000 }, async () => {
    const ends = await times(4, 2, (i) => runChild('exit-child.js', [how, String(1 + (i % 2)), '5']));
    for (const end of ends) {
      assert.equal(faultOf(end, 1), undefined);
      assert.match(end.stderr, /on purpose/);
    }
  });
}

test('SIGTERM and SIGINT end a program that does not care for them', { timeout: 120_000 }, async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const end = await runChild('exit-child.js', ['signal', '2', '5'], { signal });
    assert.equal(end.signal, signal, end.stderr);
    assert.equal(end.stderr, '');
  }
});
