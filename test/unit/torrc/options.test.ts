import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { findOption, listTorrcOptions } from '../../../src/config/torrc/index.js';
import { BYTE_UNITS, MILLISECOND_UNITS, SECOND_UNITS, parseUnits } from '../../../src/config/torrc/units.js';
import type { UnitTable } from '../../../src/config/torrc/units.js';
import { faultOf } from '../../../src/config/torrc/option-types.js';

const tor = spawnSync('tor', ['--list-torrc-options'], { encoding: 'utf8' });
const hasTor = tor.status === 0;

test('every option that C tor lists is known, and no other', { skip: hasTor ? false : 'needs tor' }, () => {
  const names = tor.stdout.trim().split('\n');
  assert.deepEqual(
    listTorrcOptions()
      .map(({ name }) => name)
      .sort(),
    names.sort(),
  );
});

test('there are 372 options, each once, with defaults that fit their types', () => {
  const names = listTorrcOptions().map(({ name }) => name.toLowerCase());
  assert.equal(new Set(names).size, 372);
  for (const { name, type, default: value } of listTorrcOptions())
    if (value !== undefined) assert.equal(faultOf(type, value), undefined, name);
});

const FOUND: readonly [written: string, fromArguments: boolean, name: string | undefined, warning: RegExp][] =
  [
    ['ORPORT', false, 'ORPort', /^$/],
    ['orport', true, 'ORPort', /^$/],
    ['NumCPU', false, 'NumCPUs', /^$/],
    ['MaxConn', false, 'ConnLimit', /'MaxConn' is deprecated; use 'ConnLimit'/],
    ['ServerDNSAllowBrokenResolvConf', false, 'ServerDNSAllowBrokenConfig', /^$/],
    ['l', true, 'Log', /^$/],
    ['l', false, 'LearnCircuitBuildTimeout', /abbreviation 'l' is deprecated/],
    ['HeartbeatPer', false, 'HeartbeatPeriod', /abbreviation 'HeartbeatPer' is deprecated/],
    ['Bogus', false, undefined, /^$/],
    ['', false, undefined, /^$/],
  ];

for (const [written, fromArguments, name, warning] of FOUND) {
  test(`"${written}" ${fromArguments ? 'as an argument' : 'in a file'} is ${name ?? 'unknown'}`, () => {
    const found = findOption(written, fromArguments);
    assert.equal(found.option?.name, name);
    assert.match(found.warning ?? '', warning);
  });
}

const UNITS: readonly [text: string, units: UnitTable, value: number | undefined][] = [
  ['1', BYTE_UNITS, 1],
  ['1 KB', BYTE_UNITS, 1024],
  ['1kbytes', BYTE_UNITS, 1024],
  ['8 KBits', BYTE_UNITS, 1024],
  ['16 mbit', BYTE_UNITS, 2 ** 21],
  ['2 M', BYTE_UNITS, 2 ** 21],
  ['1 Terabyte', BYTE_UNITS, 2 ** 40],
  ['1.5 GB', BYTE_UNITS, 1.5 * 2 ** 30],
  ['1 k', BYTE_UNITS, undefined],
  ['1 g', BYTE_UNITS, undefined],
  ['-1', BYTE_UNITS, undefined],
  ['', BYTE_UNITS, undefined],
  ['KB', BYTE_UNITS, undefined],
  ['0x10', BYTE_UNITS, undefined],
  ['99999999999 TB', BYTE_UNITS, undefined],
  ['90', SECOND_UNITS, 90],
  ['2 Minutes', SECOND_UNITS, 120],
  ['1 week', SECOND_UNITS, 604_800],
  ['1 month', SECOND_UNITS, 2_629_728],
  ['1 msec', SECOND_UNITS, undefined],
  ['10 msec', MILLISECOND_UNITS, 10],
  ['1 second', MILLISECOND_UNITS, 1000],
  ['1 month', MILLISECOND_UNITS, undefined],
];

for (const [text, units, expected] of UNITS) {
  test(`"${text}" is ${expected ?? 'refused'}`, () => {
    const parsed = parseUnits(text, units);
    assert.equal('value' in parsed ? parsed.value : undefined, expected);
  });
}
