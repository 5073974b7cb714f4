import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_EXIT_POLICY, makeExitPolicy } from '../../../src/directory/exit-policy-settings.js';
import type { ExitPolicySettings } from '../../../src/directory/exit-policy-settings.js';
import { ExitPolicy } from '../../../src/directory/exit-policy.js';
import { parsePolicyEntry } from '../../../src/directory/policy-rule.js';

const parse = (...lines: string[]): ExitPolicy => ExitPolicy.parse(lines).policy;
const settings = (changes: Partial<ExitPolicySettings>): ExitPolicySettings => ({
  lines: [],
  ipv6Exit: true,
  rejectPrivate: true,
  ownAddresses: [],
  base: 'default',
  ...changes,
});

test('the first rule that is about an address and port decides', () => {
  const policy = parse('reject 10.1.0.0/16:*, accept 10.0.0.0/8:80-90', 'reject *:*');
  assert.ok(policy.allows('10.2.3.4', 80));
  assert.ok(policy.allows('10.2.3.4', 90));
  assert.ok(!policy.allows('10.2.3.4', 91));
  assert.ok(!policy.allows('10.1.3.4', 80));
  assert.ok(!policy.allows('11.0.0.1', 80));
  assert.ok(!policy.allows('2001:db8::1', 80));
});

test('where no rule is about a stream it is accepted, and what is no address or port is refused', () => {
  const policy = parse('reject 192.168.0.0/16:*');
  assert.ok(policy.allows('1.2.3.4', 2));
  assert.ok(!policy.allows('192.168.1.2', 2));
  for (const address of ['', 'example.org', '1.2.3', '::1%lo', '1.2.3.4 '])
    assert.ok(!policy.allows(address, 2));
  for (const port of [0, -1, 65536]) assert.ok(!policy.allows('1.2.3.4', port));
});

test('an IPv4 address written as IPv6 is judged as IPv4', () => {
  const policy = parse('reject 10.0.0.0/8:*, accept *:*');
  assert.ok(!policy.allows('::ffff:10.1.2.3', 80));
  assert.ok(!policy.allows('::ffff:a01:203', 80));
  assert.ok(policy.allows('::ffff:9.1.2.3', 80));
});

test('all forms of address, mask and ports are read', () => {
  const forms: Readonly<Record<string, string>> = {
    'accept 1.2.3.4': 'accept 1.2.3.4:*',
    'accept 1.2.3.4:': 'accept 1.2.3.4:*',
    'accept 1.2.3.4/24:80': 'accept 1.2.3.4/24:80',
    'accept 1.2.0.0/255.255.0.0:80': 'accept 1.2.0.0/16:80',
    'accept 0.0.0.0/0:80': 'accept *4:80',
    'reject [2001:DB8:0::0:1]:1-65535': 'reject [2001:db8::1]:*',
    'reject [2001:db8::]/32:22-23': 'reject [2001:db8::]/32:22-23',
    'reject6 2607:5300::/32': 'reject [2607:5300::]/32:*',
    'reject6 *:25': 'reject *6:25',
    'accept *4:0-80': 'accept *4:1-80',
    'accept *6': 'accept *6:*',
    'reject [::ffff:1.2.3.4]:1': 'reject [::ffff:1.2.3.4]:1',
  };
  for (const [entry, expected] of Object.entries(forms))
    assert.deepEqual(parse(entry).toEntries(), [expected]);
  assert.deepEqual(parse('accept *:80').toEntries(), ['accept *4:80', 'accept *6:80']);
  assert.equal(parse('reject private:*').rules.length, 12);
});

test('malformed entries are refused and named', () => {
  const bad = [
    'bad_token *4:*',
    'accept6 **:*',
    'accept */15:*',
    'reject6 */:*',
    'accept 127.0.0.1/33:*',
    'accept6 [::1]/129:*',
    'reject 8.8.8.8/-1:*',
    'reject 8.8.4.4:10-5',
    'reject 1.2.3.4:-1',
    'reject 1.2.3.4:80-',
    'reject 1.2.3.4:80-90-100',
    'reject 1.2.3.4:65536',
    'reject 1.2.3.4/255.0.255.0:*',
    'reject 1.2.3:80',
    'reject [::1:80',
    'reject private',
    'reject privateer:*',
    'accept',
    'accept *:80 *:81',
    'Accept *:80',
    '::',
  ];
  for (const entry of bad) {
    assert.throws(() => parsePolicyEntry(entry), { code: 'ERR_KIST_EXIT_POLICY', kind: 'operator' }, entry);
  }
});

test('IPv4 addresses after accept6 and reject6 are passed over with a warning', () => {
  for (const entry of ['accept6 1.2.3.4:*', 'reject6 2.4.6.0/24:*', 'accept6 *4:*']) {
    const { policy, warnings } = ExitPolicy.parse([`${entry}, reject *:*`]);
    assert.equal(policy.rules.length, 2);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /IPv4/);
  }
});

test('in a descriptor a star is about IPv4 only', () => {
  assert.equal(ExitPolicy.fromDescriptorLines(['accept *:80', 'reject *:*']).rules.length, 2);
});

test('what is known of a port or an address alone is told with its certainty', () => {
  assert.equal(parse('reject 192.168.0.0/16:*').judgePort(2), 'probably accepted');
  assert.equal(parse('reject *:25').judgePort(25), 'rejected');
  assert.equal(parse('accept 1.2.3.4:25, reject *:*').judgePort(25), 'probably rejected');
  assert.equal(parse('accept *:*').judgePort(80), 'accepted');
  assert.equal(parse('reject 10.0.0.0/8:*').judgeAddress('10.2.3.4'), 'rejected');
  assert.equal(parse('reject 10.0.0.0/8:25').judgeAddress('10.2.3.4'), 'probably accepted');
});

test('an exit for authorities opens a whole public /8 on ports 80 and 443', () => {
  const rejected = [
    '0.0.0.0/8',
    '169.254.0.0/16',
    '127.0.0.0/8',
    '192.168.0.0/16',
    '10.0.0.0/8',
    '172.16.0.0/12',
  ];
  const general: readonly [boolean, string[]][] = [
    [false, ['reject 192.168.0.0/16:*']],
    [false, ['reject *:*', 'accept *:*']],
    [false, ['accept *:443', 'accept *:443']],
    [
      false,
      [
        ...rejected.map((net) => `reject ${net}:*`),
        'reject 80.190.250.90:*',
        'reject *:1-65534',
        'reject *:65535',
        'accept *:*',
      ],
    ],
    [false, ['accept 43.3.0.0/9:*']],
    [false, ['accept 0.0.0.0/8:*']],
    [false, ['accept6 *:*']],
    [false, ['reject6 *:*']],
    [true, [`reject private:*,${DEFAULT_EXIT_POLICY}`]],
    [true, ['accept 43.0.0.0/8:80', 'accept 44.0.0.0/7:443']],
    [false, ['reject 43.1.2.3:80', 'accept 43.0.0.0/8:*']],
  ];
  for (const [expected, lines] of general)
    assert.equal(parse(...lines).isGeneralExit(), expected, lines.join());
  assert.equal(parse('accept 10.0.0.0/8:*, reject *:*').isGeneralExit(true), true);
});

test('a policy that lets nothing of a family out is told', () => {
  assert.equal(parse('reject *:*').rejectsAll(4), true);
  assert.equal(parse('reject6 *:*').rejectsAll(6), true);
  assert.equal(parse('reject6 *:*').rejectsAll(4), false);
  assert.equal(parse('accept 1.2.3.4:80, reject *:*').rejectsAll(4), false);
  assert.equal(ExitPolicy.rejectAll().rejectsAll(6), true);
});

test('rules that can never decide anything are left out', () => {
  const { policy } = makeExitPolicy(
    settings({ lines: ['accept *:80,reject private:*,reject *:*'], rejectPrivate: false }),
  );
  assert.deepEqual(policy.toEntries(), ['accept *4:80', 'accept *6:80', 'reject *4:*', 'reject *6:*']);
});

test('settings put IPv6, private and own addresses before the rules of the operator', () => {
  const ownAddresses = ['3.6.9.12', '2000::1234', '10.0.0.1', '::1'];
  const without = makeExitPolicy(settings({ ipv6Exit: false, ownAddresses, lines: ['accept *:*'] })).policy;
  assert.equal(without.toEntries()[0], 'reject *6:*');
  assert.ok(
    !without.allows('10.0.0.1', 80) && !without.allows('3.6.9.12', 80) && !without.allows('2001:db8::1', 80),
  );
  assert.ok(without.allows('3.6.9.13', 80));
  assert.ok(!without.toEntries().includes('reject 10.0.0.1:*'), 'a private one is closed already');
  const within = makeExitPolicy(settings({ ownAddresses })).policy;
  assert.ok(!within.allows('2000::1234', 80) && within.allows('2000::1235', 80));
  assert.ok(within.allows('8.8.8.8', 443) && !within.allows('8.8.8.8', 25));
});

test('the reduced policy opens well-known ports and nothing else', () => {
  const { policy } = makeExitPolicy(settings({ base: 'reduced' }));
  for (const port of [22, 53, 80, 443, 6697, 64738]) assert.ok(policy.allows('8.8.8.8', port), `${port}`);
  for (const port of [19, 25, 445, 6881, 65535]) assert.ok(!policy.allows('8.8.8.8', port), `${port}`);
});

test('entries after rules for everything are told of', () => {
  const { warnings } = makeExitPolicy(settings({ lines: ['reject *:*, accept *:80'] }));
  assert.match(warnings[0] ?? '', /"accept \*4:80" and those after it have no effect/);
});

test('leaving out redundant rules never changes an answer', () => {
  const host = fc.constantFrom(
    '10.0.0.0/8',
    '10.1.0.0/16',
    '10.1.2.3',
    '*4',
    '*6',
    '[2001:db8::]/32',
    '[2001:db8::1]',
    '*',
  );
  const ports = fc.constantFrom('*', '80', '1-80', '80-443', '443-65535');
  const entry = fc
    .tuple(fc.constantFrom('accept', 'reject'), host, ports)
    .map(([verb, at, port]) => `${verb} ${at}:${port}`);
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
      const plain = parse(...entries, 'reject *:*');
      const lean = makeExitPolicy(
        settings({ lines: entries, rejectPrivate: false, base: 'reject all' }),
      ).policy;
      for (const address of [
        '10.1.2.3',
        '10.1.9.9',
        '10.9.9.9',
        '9.9.9.9',
        '2001:db8::1',
        '2001:db8::2',
        '::9',
      ]) {
        for (const port of [1, 80, 81, 443, 444, 65535]) {
          assert.equal(lean.allows(address, port), plain.allows(address, port), `${address} ${port}`);
        }
      }
    }),
  );
});

test('what is written into a descriptor reads back as the same IPv4 policy', () => {
  const { policy } = makeExitPolicy(
    settings({ lines: ['accept *:80-90, reject 4.0.0.0/8:443, accept *:443, reject *:*'] }),
  );
  const lines = policy.toDescriptorText().trimEnd().split('\n');
  assert.equal(lines.pop(), 'ipv6-policy accept 80-90,443');
  const back = ExitPolicy.fromDescriptorLines(lines);
  assert.deepEqual(
    back.toEntries(),
    policy.toEntries().filter((entry) => !entry.includes('[') && !entry.includes('*6')),
  );
});
