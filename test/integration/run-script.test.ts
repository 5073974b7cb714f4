import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CliProcess, startRegistration } from './cli-support.js';

const RUN = fileURLToPath(new URL('../../../run', import.meta.url));

/** Only where these tests were compiled into the clone's own dist: ./run would set that up itself otherwise. */
const skip = existsSync(RUN) ? false : 'no run script beside these tests';

test(
  './run GROUP INSTANCE PORT works from anywhere and prints the circuit on one line',
  { skip, timeout: 120_000 },
  async (t) => {
    const { service, address } = await startRegistration();
    t.after(() => service.destroy());
    const env = { KIST_RELAY_REGISTRATION: address };
    const router = new CliProcess(['3147', '2', '0'], { command: RUN, cwd: tmpdir(), env });
    t.after(() => router.destroy());
    await router.match(/^HTTP proxy is up on port \d+$/m);
    await router.match(/^Tor61 router is up on port \d+$/m);
    const [line] = await router.match(/^circuit: .*$/m);
    assert.equal(line.match(/Tor61Router-3147-0002/g)?.length, 3, 'alone in the network, it is every hop');
    assert.deepEqual(await router.stop('SIGTERM'), { code: 0, signal: null });
  },
);

test('./run without arguments says what it needs', { skip, timeout: 120_000 }, async () => {
  const router = new CliProcess([], { command: RUN, cwd: tmpdir() });
  assert.equal((await router.exit).code, 2);
  assert.match(router.stderr, /missing required argument 'group'/);
});
