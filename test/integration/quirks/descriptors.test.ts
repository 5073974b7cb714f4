import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SAY } from '../../support/raw-tor61-cells.js';
import { RawPeer } from '../../support/raw-tor61.js';

const RELAY_ID = 0x00570001;
const CHILD = fileURLToPath(new URL('descriptors-child.js', import.meta.url));
const DESCRIPTORS = 80;

/** OPEN and CREATE work; false when the relay closed the connection instead. */
async function tryCircuit(port: number, agentId: number): Promise<RawPeer | undefined> {
  const peer = await RawPeer.connect(port);
  try {
    return await (await peer.open(agentId, RELAY_ID)).create(1);
  } catch (error) {
    peer.close();
    assert.match(String(error), /the other side ended/, 'closed, not left hanging');
    return undefined;
  }
}

for (const threads of [1, 2]) {
  test(
    `a relay without descriptors, ${threads} reactor(s): sheds, serves on, recovers`,
    { timeout: 60_000 },
    async () => {
      // The hard limit too: the soft one is raised by the relay.
      const command = `ulimit -n ${DESCRIPTORS} && exec "$@"`;
      const child = spawn('bash', ['-c', command, 'bash', process.execPath, CHILD, String(threads)]);
      let said = '';
      child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
      const exited = once(child, 'exit');
      const web = createServer((socket) => void socket.on('error', () => undefined).pipe(socket));
      try {
        const [line] = (await once(child.stdout, 'data')) as [Buffer];
        const port = Number(line.toString());
        await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
        const target = `127.0.0.1:${(web.address() as AddressInfo).port}\0`;
        const peers: RawPeer[] = [];
        for (let i = 0; i < 2 * DESCRIPTORS; i++) {
          const peer = await tryCircuit(port, 0x00580000 + i);
          if (peer !== undefined) peers.push(peer);
        }
        assert.ok(peers.length > 10 && peers.length < DESCRIPTORS, `${peers.length} connections`);
        // No descriptor for an exit's socket either: a clean refusal on a circuit that goes on.
        const first = peers[0] as RawPeer;
        first.say(1, 1, SAY.begin, target);
        await first.expectSay(1, SAY.beginFailed, 1);
        await first.create(3);
        for (const peer of peers.slice(5)) peer.close();
        for (let i = 2; ; i++) {
          assert.ok(i < 500, 'descriptors that came back are used');
          first.say(1, i, SAY.begin, target);
          const { says } = await first.expectCell({ circId: 1, streamId: i });
          if (says === SAY.connected) break;
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        const more = await Promise.all([1, 2, 3].map((i) => tryCircuit(port, 0x00590000 + i)));
        assert.ok(
          more.every((peer) => peer !== undefined),
          'accepts again',
        );
        for (const peer of [...peers, ...more]) peer?.close();
      } finally {
        child.stdin.end();
        const [code] = (await exited) as [number | null];
        web.close();
        assert.equal(code, 0, said);
      }
    },
  );
}
