import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { DISCOVERIES } from '../../src/discovery/index.js';
import type { Discovery, RelayRecord } from '../../src/discovery/index.js';
import { RegistrationService } from '../../src/registration/index.js';

type Open = (t: TestContext) => Promise<Discovery>;

/** How each entry of the table is opened for a test; an entry without a line here fails the first test. */
const OPEN: Readonly<Record<string, Open>> = {
  static: () => DISCOVERIES.static({ relays: [] }),
  registration: async (t) => {
    const service = await RegistrationService.start({ port: 0 });
    t.after(() => service.close());
    return DISCOVERIES.registration({ host: '127.0.0.1', port: service.address().port });
  },
};

const SELF: RelayRecord = {
  name: 'Tor61Router-0001-0001',
  host: '127.0.0.1',
  port: 4001,
  agentId: 0x00010001,
};

test('every discovery of the table runs through these rules', () => {
  assert.deepEqual(Object.keys(OPEN).sort(), Object.keys(DISCOVERIES).sort());
});

for (const [name, open] of Object.entries(OPEN)) {
  test(`${name}: nobody is known at first, and what was announced is`, async (t) => {
    const discovery = await open(t);
    t.after(() => discovery.close());
    assert.deepEqual(await discovery.relays(), []);
    await discovery.announce(SELF);
    assert.deepEqual(await discovery.relays(), [SELF]);
  });

  test(`${name}: a list belongs to who asked for it`, async (t) => {
    const discovery = await open(t);
    t.after(() => discovery.close());
    await discovery.announce(SELF);
    (await discovery.relays()).pop();
    assert.deepEqual(await discovery.relays(), [SELF]);
  });

  test(`${name}: announcing the same address again replaces the record`, async (t) => {
    const discovery = await open(t);
    t.after(() => discovery.close());
    await discovery.announce(SELF);
    const changed = { ...SELF, name: 'Tor61Router-0001-0002', agentId: 0x00010002 };
    await discovery.announce(changed);
    assert.deepEqual(await discovery.relays(), [changed]);
  });

  test(`${name}: a wrong record is a TypeError that names the field`, async (t) => {
    const discovery = await open(t);
    t.after(() => discovery.close());
    const wrong: [string, RelayRecord][] = [
      ['self.port', { ...SELF, port: 0 }],
      ['self.host', { ...SELF, host: 'relay.example' }],
      ['self.agentId', { ...SELF, agentId: -1 }],
    ];
    for (const [field, record] of wrong) {
      await assert.rejects(discovery.announce(record), (error: Error) => {
        return error instanceof TypeError && error.message.startsWith(field);
      });
    }
    assert.deepEqual(await discovery.relays(), []);
  });

  test(`${name}: close() may be called twice; afterwards everything says that it is closed`, async (t) => {
    const discovery = await open(t);
    await discovery.announce(SELF);
    await Promise.all([discovery.close(), discovery.close()]);
    await discovery.close();
    await assert.rejects(discovery.relays(), { code: 'ERR_KIST_CLOSED' });
    await assert.rejects(discovery.announce(SELF), { code: 'ERR_KIST_CLOSED' });
  });
}
