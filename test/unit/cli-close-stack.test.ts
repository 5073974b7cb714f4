import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withinStopTimeout } from '../../src/cli/stop-signal.js';
import { CloseStack } from '../../src/network/index.js';
import { ManualClock } from '../../src/util/clock.js';

test('things are closed last opened first, once, even when one fails', async () => {
  const closed: string[] = [];
  const stack = new CloseStack();
  stack.add(() => void closed.push('a'));
  stack.add(() => Promise.reject(new Error('b failed')));
  stack.add(async () => {
    await Promise.resolve();
    closed.push('c');
  });
  const first = stack.close();
  assert.equal(stack.close(), first);
  await assert.rejects(first, /b failed/);
  assert.deepEqual(closed, ['c', 'a']);
});

test('what is added after the end is closed at once', async () => {
  const closed: string[] = [];
  const stack = new CloseStack();
  await stack.close();
  stack.add(() => void closed.push('late'));
  await stack.close();
  assert.deepEqual(closed, ['late']);
});

test('a start that is aborted closes what it opened, a finished one does not', () => {
  for (const isDone of [false, true]) {
    const closed: string[] = [];
    const controller = new AbortController();
    const stack = new CloseStack();
    stack.add(() => void closed.push('a'));
    const release = stack.closeOnAbort(controller.signal);
    if (isDone) release();
    controller.abort();
    assert.deepEqual(closed, isDone ? [] : ['a']);
  }
});

test('a stop that takes longer than 5 s is given up with an error, a quick one is not', async () => {
  const clock = new ManualClock();
  const slow = withinStopTimeout(new Promise(() => undefined), clock);
  clock.advance(4999);
  assert.equal(clock.pendingTimers, 1);
  clock.advance(1);
  await assert.rejects(slow, { code: 'ERR_KIST_STOP_TIMEOUT', message: /within 5 s/ });
  await withinStopTimeout(Promise.resolve(), clock);
  assert.equal(clock.pendingTimers, 0);
});
