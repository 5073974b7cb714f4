import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Protocols } from '../../../src/directory/protocols.js';

const OURS = 'Conflux=1 Cons=1-2 Desc=1-2 DirCache=2 FlowCtrl=1-2 HSDir=2 Link=1-5 LinkAuth=1,3 Relay=1-4';

test('lists are read and written as compactly as they can be', () => {
  const lists: Readonly<Record<string, string>> = {
    'Foo=1,3 Bar=3 Baz= Quux=9-12,14,15-16': 'Foo=1,3 Bar=3 Baz= Quux=9-12,14-16',
    'Foo=1,3 Bar=3 Baz= Quux=9-12,14,15-16,50 Zn=1,42': 'Foo=1,3 Bar=3 Baz= Quux=9-12,14-16,50 Zn=1,42',
    'Zu16=1,63': 'Zu16=1,63',
    'N-1=1,2': 'N-1=1-2',
    '-1=3': '-1=3',
    'Sleen=1-63': 'Sleen=1-63',
    'Bar=1-2,2-3 Bar=5': 'Bar=1-3,5',
    [OURS]: OURS,
    '': '',
  };
  for (const [text, expected] of Object.entries(lists))
    assert.equal(Protocols.parse(text).toString(), expected);
});

test('malformed lists are refused', () => {
  const bad = [
    'Risqu\u00e9=1',
    ',,,=1',
    '\u00c1=1',
    'Foo_Bar=1',
    'Fkrkljdsf',
    'Zn=4294967295',
    'Zn=4294967295-1',
    'Zn=4294967293-4294967295',
    'Foo=1,3 Zn=1,4294967295',
    '-1=4294967295',
    'Foo=,',
    'Foo=,1',
    'Foo=1,,3',
    'Foo=1,3,',
    '!!3@*',
    'Link=4 Haprauxymatyve Desc=9',
    '=10-11',
    'Link=4 =3 Desc=9',
    'Link=fred',
    'Link=1,fred',
    'Link=1,fred,3',
    'Link=1,9-8,3',
    'Faux=-0',
    'Faux=0--0',
    'Faux=-1',
    'Faux=-1-3',
    'Faux=1--1',
    'Link=1-2-',
    'Link=1-2-3',
    'Faux=1-2-',
    'Link=\t1,3',
    'Link=1\n,3',
    'Faux=1,\r3',
    'Faux=1,3\f',
    'Link=4294967296',
    'Sleen=1-65537',
    'Link=64',
    `DoS${'a'.repeat(130)}=1`,
  ];
  for (const text of bad) {
    assert.throws(() => Protocols.parse(text), { code: 'ERR_KIST_DOCUMENT' }, JSON.stringify(text));
    assert.equal(Protocols.tryParse(text), undefined);
  }
});

test('a version is supported, or that or a later one', () => {
  const list = Protocols.parse('Link=4-6 LinkAuth=3');
  assert.deepEqual(
    [3, 4, 6, 7].map((version) => list.supports('Link', version)),
    [false, true, true, false],
  );
  assert.deepEqual(
    [2, 3, 4].map((version) => list.supports('LinkAuth', version)),
    [false, true, false],
  );
  assert.deepEqual(
    [2, 3, 4].map((version) => list.supportsAtLeast('LinkAuth', version)),
    [true, true, false],
  );
  assert.equal(list.supports('Desc', 2), false);
  assert.equal(list.supportsAtLeast('Desc', 2), false);
  assert.equal(list.supports('Link', 64 + 4), false);
});

test('what is required and not supported is listed', () => {
  const supported = Protocols.parse('Link=1-5 Desc=1-2');
  const missing: Readonly<Record<string, string>> = {
    '': '',
    'Link=3-4': '',
    'Link=3-4 Desc=2': '',
    'Wombat=9': 'Wombat=9',
    'Link=60': 'Link=60',
    'Link=3-4 Wombat=9': 'Wombat=9',
    'Link=3-60': 'Link=6-60',
    'Link=1-3,50-63': 'Link=50-63',
    'Link=1-3,5-12 Quokka=40-41': 'Link=6-12 Quokka=40-41',
    'Fribble=': '',
  };
  for (const [required, expected] of Object.entries(missing)) {
    const list = supported.missing(Protocols.parse(required));
    assert.equal(list.toString(), expected);
    assert.equal(list.isEmpty, expected === '');
  }
});
