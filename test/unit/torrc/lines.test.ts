import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTorrcFile } from '../../../src/config/torrc/include.js';
import { scanLines } from '../../../src/config/torrc/scan-lines.js';
import { memoryFiles } from './memory-files.js';

function scan(text: string): string[] {
  return scanLines(text, 'torrc').map(({ command, name, value }) => `${command} ${name}=${value}`);
}

test('names, values, comments and blank lines are told apart', () => {
  const text = '# first\n\n  Nickname  one \t # not part\r\nORPort 9001#nor this\nLonely\n#last';
  assert.deepEqual(scan(text), ['set Nickname=one', 'set ORPort=9001', 'set Lonely=']);
});

test('+ appends, / clears and takes no value', () => {
  assert.deepEqual(scan('+ORPort 1\n/ORPort 2\n'), ['append ORPort=1', 'clear ORPort=']);
});

test('a backslash continues a line; comments within take their line away', () => {
  const text =
    'ExitPolicy accept *:80, \\\n  # about 443\n  accept *:443 # end\\\n  , reject *:*\nNickname x\n';
  assert.deepEqual(scan(text), [
    'set ExitPolicy=accept *:80,     accept *:443   , reject *:*',
    'set Nickname=x',
  ]);
});

test('quoted values have C escapes, bytes of UTF-8 among them', () => {
  const text = 'ContactInfo "a \\"b\\" \\\\ \\t\\x41\\101 \\xc3\\xa9 é" # comment\nNickname x';
  assert.deepEqual(scan(text), ['set ContactInfo=a "b" \\ \tAA é é', 'set Nickname=x']);
});

for (const [text, message] of [
  ['A 1\nContactInfo "open\n', /Invalid escape sequence in quoted string \(torrc:2\)/],
  ['ContactInfo "\\q"', /Invalid escape/],
  ['ContactInfo "\\x4"', /Invalid escape/],
  ['ContactInfo "\\777"', /Invalid escape/],
  ['ContactInfo "a" b', /Excess data after quoted string \(torrc:1\)/],
] as const) {
  test(`${JSON.stringify(text)} is refused with its place`, () => {
    assert.throws(() => scanLines(text, 'torrc'), { name: 'TorrcError', code: 'ERR_KIST_TORRC', message });
  });
}

test('a line knows where it began, across continuations', () => {
  const lines = scanLines('A 1 \\\n 2\n\n# x\nB 3\n', 'f');
  assert.deepEqual(
    lines.map(({ position }) => position),
    [
      { file: 'f', line: 1 },
      { file: 'f', line: 5 },
    ],
  );
});

const INCLUDING = memoryFiles({
  '/etc/torrc': 'Nickname a\n%include /etc/torrc.d/*.conf\n%include /etc/folder\nORPort 1\n',
  '/etc/torrc.d/20.conf': 'B 20',
  '/etc/torrc.d/10.conf': 'B 10\n%include /etc/torrc.d/deep/x[0-9]*.txt',
  '/etc/torrc.d/.hidden.conf': 'B hidden',
  '/etc/torrc.d/other': 'B other',
  '/etc/torrc.d/deep/x1.txt': 'C 1',
  '/etc/torrc.d/deep/xy.txt': 'C y',
  '/etc/folder/b': 'D b',
  '/etc/folder/a': 'D a',
  '/etc/folder/.dot': 'D dot',
  '/etc/folder/empty': '',
  '/etc/folder/sub/x': 'D sub',
});

test('%include takes files, patterns and folders, sorted, in the place of its line', () => {
  const { lines, files } = readTorrcFile('/etc/torrc', INCLUDING);
  assert.deepEqual(
    lines.map(({ name, value }) => `${name} ${value}`),
    ['Nickname a', 'B 10', 'C 1', 'B 20', 'D a', 'D b', 'ORPort 1'],
  );
  assert.deepEqual(lines[2]?.position, { file: '/etc/torrc.d/deep/x1.txt', line: 1 });
  assert.equal(files.length, 6);
});

test('a file that is not there is refused where it is named; a pattern without a match is not', () => {
  const missing = memoryFiles({ torrc: 'A 1\n%include /nowhere/x\n' });
  assert.throws(() => readTorrcFile('torrc', missing), /"\/nowhere\/x": no such file \(torrc:2\)/);
  const none = memoryFiles({ torrc: '%include /nowhere/*\nA 1\n' });
  assert.equal(readTorrcFile('torrc', none).lines.length, 1);
  assert.throws(() => readTorrcFile('nothing', none), /Unable to open configuration file "nothing"/);
});

test('files that include each other end with an error, not with the memory', () => {
  const loop = memoryFiles({ a: '%include b\n', b: '%include a\n' });
  assert.throws(() => readTorrcFile('a', loop), /more than 31 nested %includes/);
  const doubling = memoryFiles({ a: '%include a\n%include a\n' });
  assert.throws(() => readTorrcFile('a', doubling), /nested %includes|files are included/);
  const wide = memoryFiles({ a: '%include b\n'.repeat(2000), b: 'A 1\n' });
  assert.throws(() => readTorrcFile('a', wide), /more than 1000 files/);
});
