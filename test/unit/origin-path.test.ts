import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RelayRecord } from '../../src/discovery/index.js';
import { PathChoice } from '../../src/origin/index.js';
import { own, record } from '../support/origin-rig.js';

function walk(relays: readonly RelayRecord[], random: () => number, selfId?: number): RelayRecord[] {
  const choice = new PathChoice({ relays, selfId, length: 3, random });
  const path: RelayRecord[] = [];
  for (let hop = choice.next(path); hop !== undefined && path.length < 3; hop = choice.next(path))
    path.push(hop);
  return path;
}

const others = (count: number): RelayRecord[] => Array.from({ length: count }, (_, i) => record(i + 1));

/** A fast-check source of randomness for the choice. */
const randoms = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

test('hops are distinct where there are enough relays, and the own router is not the exit of four', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 9 }), randoms, (count, stream) => {
      const random = (): number => stream.next().value as number;
      const path = walk([own, ...others(count)], random, own.agentId);
      assert.equal(new Set(path).size, 3);
      assert.notEqual(path[2], own);
    }),
  );
});

test('fewer relays than hops still make a path, without going straight back to the last hop', () => {
  fc.assert(
    fc.property(randoms, (stream) => {
      const random = (): number => stream.next().value as number;
      assert.deepEqual(walk([own], random, own.agentId), [own, own, own]);
      const two = walk([own, record(1)], random, own.agentId);
      assert.ok(two[0] === two[2] && two[0] !== two[1]);
    }),
  );
});

test('every relay gets its turn at every place', () => {
  let state = 1;
  const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const seen = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (let i = 0; i < 400; i++) {
    walk([own, ...others(4)], random, own.agentId).forEach((hop, place) => seen[place]?.add(hop.name));
  }
  assert.deepEqual(
    seen.map((names) => names.size),
    [5, 5, 4],
  );
});

test('a relay that was struck off is not chosen again, and in the end there is none', () => {
  const relays = others(3);
  const choice = new PathChoice({ relays, selfId: undefined, length: 3, random: () => 0 });
  for (const relay of relays) {
    assert.equal(choice.next([]), relay);
    choice.strike(relay);
  }
  assert.equal(choice.next([]), undefined);
  assert.equal(walk([], () => 0).length, 0);
});
