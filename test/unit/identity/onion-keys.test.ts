import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StateFile } from '../../../src/identity/state-file.js';
import { dataDirectory, DatedClock, DAY_MS, openKeys } from './support.js';

test('onion keys change after 28 days, the one before is answered for 7 more', async (t) => {
  const folder = dataDirectory(t);
  const clock = new DatedClock();
  const { onion } = await openKeys(folder, clock);
  const first = onion.current.ntor;
  assert.deepEqual(onion.ntorKeys, [first]);
  assert.equal(await onion.update(), 'unchanged');
  assert.deepEqual(onion.nextChange, new Date(clock.date().getTime() + 28 * DAY_MS));
  clock.advance(28 * DAY_MS);
  assert.equal(await onion.update(), 'rotated');
  const second = onion.current.ntor;
  assert.notDeepEqual(second, first);
  assert.deepEqual(onion.ntorKeys, [second, first]);
  assert.deepEqual(onion.nextChange, new Date(clock.date().getTime() + 7 * DAY_MS));
  const { onion: again } = await openKeys(folder, clock);
  assert.deepEqual(again.ntorKeys, onion.ntorKeys, 'kept over a restart');
  assert.deepEqual(again.rotatedAt, onion.rotatedAt);
  clock.advance(7 * DAY_MS);
  assert.equal(await again.update(), 'expired');
  assert.deepEqual(again.ntorKeys, [second]);
  assert.ok(!existsSync(join(folder, 'keys', 'secret_onion_key_ntor.old')));
  assert.ok(!existsSync(join(folder, 'keys', 'secret_onion_key.old')));
});

test('two changes asked for at once are one', async (t) => {
  const clock = new DatedClock();
  const { onion } = await openKeys(dataDirectory(t), clock);
  const first = onion.current.ntor;
  clock.advance(28 * DAY_MS);
  assert.deepEqual(await Promise.all([onion.update(), onion.update()]), ['rotated', 'rotated']);
  assert.deepEqual(onion.ntorKeys[1], first);
});

test('a relay that was off for long changes its key at once', async (t) => {
  const folder = dataDirectory(t);
  const clock = new DatedClock();
  await openKeys(folder, clock);
  clock.advance(100 * DAY_MS);
  const { onion } = await openKeys(folder, clock);
  assert.equal(await onion.update(), 'rotated');
});

test('lifetimes of the consensus are kept to', async (t) => {
  const clock = new DatedClock();
  const { onion } = await openKeys(dataDirectory(t), clock);
  onion.lifetimes = { rotationMs: DAY_MS, graceMs: DAY_MS / 2 };
  clock.advance(DAY_MS);
  assert.equal(await onion.update(), 'rotated');
  clock.advance(DAY_MS / 2);
  assert.equal(await onion.update(), 'expired');
});

test('a recorded time that is still to come does not put the change off for ever', async (t) => {
  const folder = dataDirectory(t);
  const clock = new DatedClock();
  await openKeys(folder, clock);
  const state = StateFile.open(folder);
  state.setTime('LastRotatedOnionKey', new Date('2099-01-01T00:00:00Z'));
  state.save();
  const { onion } = await openKeys(folder, clock);
  assert.deepEqual(onion.rotatedAt, clock.date());
});

test('the public ntor key belongs to the secret one, which is stored clamped', async (t) => {
  const { onion } = await openKeys(dataDirectory(t), new DatedClock());
  const { secretKey, publicKey } = onion.current.ntor;
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), secretKey]);
  const derived = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  assert.deepEqual(new Uint8Array(derived.export({ format: 'der', type: 'spki' }).subarray(-32)), publicKey);
  assert.equal((secretKey[0] ?? 0) & 7, 0);
  assert.equal((secretKey[31] ?? 0) & 0xc0, 0x40);
});

test('unknown lines of the state file are kept in their order', async (t) => {
  const folder = dataDirectory(t);
  await openKeys(folder, new DatedClock());
  const path = join(folder, 'state');
  const text =
    '# Tor state file\nBWHistoryReadValues 1,2,3\nLastRotatedOnionKey 2026-01-01 00:00:00\nUnknownKey a b c\n';
  writeFileSync(path, text);
  const state = StateFile.open(folder);
  assert.equal(state.get('UnknownKey'), 'a b c');
  assert.equal(state.get('Unknown'), undefined);
  state.setTime('LastRotatedOnionKey', new Date('2026-11-22T00:00:00Z'));
  state.set('Added', 'x');
  state.save();
  assert.equal(readFileSync(path, 'utf8'), `${text.replace('2026-01-01', '2026-11-22')}Added x\n`);
});
