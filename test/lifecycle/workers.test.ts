import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf, runChild, times } from './children/run-child.js';

// Data planes in the main thread and in two workers, all of them in the middle of traffic.

const CASES = [
  { how: 'terminate', title: 'terminate()', output: 'ok 1 1\n' },
  { how: 'worker-exit', title: 'process.exit() in the workers', output: 'ok 5 5\n' },
  { how: 'worker-throw', title: 'an uncaught error in the workers', output: 'ok 1 1\n' },
  { how: 'stop', title: 'a natural end', output: 'ok 0 0\n' },
];

for (const { how, title, output } of CASES) {
  test(`${title} leaves the main thread's traffic alone`, { timeout: 120_000 }, async () => {
    const ends = await times(3, 2, () => runChild('workers-child.js', [how]));
    for (const end of ends) {
      assert.equal(faultOf(end, 0), undefined);
      assert.equal(end.stdout, output);
    }
  });
}

test('process.exit() of the main thread takes working workers with it', { timeout: 120_000 }, async () => {
  const ends = await times(6, 2, () => runChild('workers-child.js', ['exit']));
  for (const end of ends) assert.equal(faultOf(end, 7), undefined);
});
