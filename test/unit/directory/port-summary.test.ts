import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeExitPolicy } from '../../../src/directory/exit-policy-settings.js';
import {
  formatPortSummary,
  parsePortSummary,
  summaryAccepts,
  summaryRejectsAll,
} from '../../../src/directory/port-summary.js';

/** Policies and what authorities make of them, for both families unless two are given. */
const SUMMARIES: readonly (readonly [policy: string, four: string, six?: string])[] = [
  [
    'reject 192.168.0.0/16:*,reject 0.0.0.0/8:*,reject 10.0.0.0/8:*,accept *:10-30,accept *:90,reject *:*',
    'accept 10-30,90',
  ],
  [
    'reject 11.0.0.0/9:80,reject 12.0.0.0/9:80,reject 13.0.0.0/9:80,reject 14.0.0.0/9:80,accept *:*',
    'accept 1-65535',
  ],
  [
    'reject 11.0.0.0/9:80,reject 12.0.0.0/9:80,reject 13.0.0.0/9:80,reject 14.0.0.0/9:80,reject 15.0.0.0:81,accept *:*',
    'accept 1-65535',
  ],
  [
    'reject 11.0.0.0/9:80,reject 12.0.0.0/9:80,reject 13.0.0.0/9:80,reject 14.0.0.0/9:80,reject 15.0.0.0:80,accept *:*',
    'reject 80',
    'accept 1-65535',
  ],
  ['accept 11.0.0.0/9:80,reject *:*', 'reject 1-65535'],
  ['accept *:80,accept *:81,accept *:100-110,accept *:111,reject *:*', 'accept 80-81,100-111'],
  ['accept *:1,accept *:3,accept *:65535,reject *:*', 'accept 1,3,65535'],
  ['accept *:1,accept *:3,accept *:5,accept *:7,reject *:*', 'accept 1,3,5,7'],
  ['reject *:1,reject *:3,reject *:5,reject *:7,accept *:*', 'reject 1,3,5,7'],
  ['reject 149.56.1.1:*,reject [2607:5300:1:1::1:0]:*,accept *:80,accept *:443,reject *:*', 'accept 80,443'],
  [
    'reject 149.56.0.0/16,reject6 2607:5300::/32,reject6 2608:5300::/64,reject6 2609:5300::/96,accept *:80,accept *:443,reject *:*',
    'accept 80,443',
  ],
  ['reject 148.0.0.0/7,reject6 2600::/16,accept *:80,accept *:443,reject *:*', 'accept 80,443'],
  ['reject 148.0.0.0/6,reject6 2600::/15,accept *:80,accept *:443,reject *:*', 'reject 1-65535'],
  ['reject 128.0.0.0/1,reject6 8000::/1,accept *:80,accept *:443,reject *:*', 'reject 1-65535'],
  ['reject 0.0.0.0/0,reject6 ::/0,accept *:80,accept *:443,reject *:*', 'reject 1-65535'],
  ['reject 0.0.0.0/0,reject 0.0.0.0/0,reject6 ::/0,reject6 ::/0,accept *:80,reject *:*', 'reject 1-65535'],
];

test("summaries are what C tor's tests expect, with and without private networks closed", () => {
  for (const [policy, four, six = four] of SUMMARIES) {
    for (const rejectPrivate of [false, true]) {
      for (const base of ['default', 'reduced', 'reject all'] as const) {
        const made = makeExitPolicy({
          lines: [policy],
          ipv6Exit: true,
          rejectPrivate,
          ownAddresses: [],
          base,
        });
        assert.equal(made.policy.summary(4), four, policy);
        assert.equal(made.policy.summary(6), six, policy);
      }
    }
  }
});

const odd = (count: number): number[] => Array.from({ length: count }, (_, index) => index * 2 + 1);
const summaryOf = (lines: string[], family: 4 | 6): string =>
  makeExitPolicy({
    lines,
    ipv6Exit: true,
    rejectPrivate: false,
    ownAddresses: [],
    base: 'default',
  }).policy.summary(family);

test('too long summaries list accepted ports as far as a thousand characters reach', () => {
  const accepted = [...odd(265).map((port) => `accept *:${port}`), 'reject *:*'];
  assert.equal(summaryOf(accepted, 4), `accept ${odd(262).join(',')}`);
  const rejected = [...odd(1000).map((port) => `reject *:${port}`), 'accept *:*'];
  const even = odd(261).map((port) => port + 1);
  assert.equal(summaryOf(rejected, 4), `accept ${even.join(',')}`);
  assert.equal(summaryOf(rejected, 6), `accept ${even.join(',')}`);
});

test('summaries read back, without entries of forms to come', () => {
  const forms: Readonly<Record<string, string>> = {
    'accept 80,443,6660-6669': 'accept 80,443,6660-6669',
    'accept fred,2,3-5': 'accept 2,3-5',
    'accept 2,fred,3': 'accept 2,3',
    'accept 2,fred,3,bob': 'accept 2,3',
    'accept 2,-3,500-600': 'accept 2,500-600',
    'accept 1,,3': 'accept 1,3',
    'accept 100-200,,': 'accept 100-200',
    'reject ,1-10,,,,30-40': 'reject 1-10,30-40',
  };
  for (const [text, expected] of Object.entries(forms)) {
    const summary = parsePortSummary(text);
    assert.ok(summary !== undefined, text);
    assert.equal(formatPortSummary(summary), expected);
  }
});

test('malformed, empty and endless summaries are refused', () => {
  const endless = `accept ${Array.from({ length: 10_000 }, (_, index) => index + 1).join(',')}`;
  const bad = [
    'accept 200-199',
    '',
    'rejekt 1,2,3',
    'reject ',
    'reject',
    'rej',
    'accept 2,3,100000',
    'accept 2,3x,4',
    'accept 2-',
    'accept 2-x',
    'accept 1-,3',
    'accept 0',
    endless,
  ];
  for (const text of bad) assert.equal(parsePortSummary(text), undefined, text.slice(0, 40));
});

test('a summary answers for a port', () => {
  const accepts = parsePortSummary('accept 80,443-445') ?? assert.fail();
  assert.deepEqual(
    [79, 80, 443, 445, 446].map((port) => summaryAccepts(accepts, port)),
    [false, true, true, true, false],
  );
  const rejects = parsePortSummary('reject 25') ?? assert.fail();
  assert.deepEqual(
    [24, 25].map((port) => summaryAccepts(rejects, port)),
    [true, false],
  );
  assert.ok(summaryRejectsAll(parsePortSummary('reject 1-65535') ?? assert.fail()));
  assert.ok(!summaryRejectsAll(rejects) && !summaryRejectsAll(accepts));
});
