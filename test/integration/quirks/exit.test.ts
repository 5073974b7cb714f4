import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { Scene } from '../../support/raw-tor61-scene.js';
import {
  destroyCell,
  extendBody,
  LARGEST_BODY,
  longData,
  SAY,
  sayCell,
} from '../../support/raw-tor61-cells.js';
import type { RawPeer } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };

/** Streams at an exit: rows 9, 13 and 14, and how the known exits answer. */
for (const threads of [1, 2]) {
  const scene = await Scene.start({
    plane: { threads },
    relay: {
      lookup: async (name) => {
        if (name === 'two.example') return ['192.0.2.9', '127.0.0.1'];
        if (name === 'web.example') return ['127.0.0.1'];
        if (name === 'never.example') return await new Promise(() => undefined);
        throw new Error('no such name');
      },
      limits: { resolveTimeoutMs: 400, exitConnectTimeoutMs: 400, maxStreamsPerCircuit: 20 },
    },
  });
  const echo = await scene.server();

  const begin = async (peer: RawPeer, streamId: number, port = echo): Promise<void> => {
    peer.say(1, streamId, SAY.begin, `127.0.0.1:${port}\0`);
    const up = await peer.expectSay(1, SAY.connected, streamId);
    assert.equal(up.length, 0, 'CONNECTED has no body');
  };

  /** A server whose one connection the test holds. */
  const held = async (): Promise<{ port: number; socket: Promise<Socket> }> => {
    let take: (socket: Socket) => void = () => undefined;
    const socket = new Promise<Socket>((resolve) => (take = resolve));
    return { port: await scene.server((come) => take(come)), socket };
  };

  describe(`streams at an exit, ${threads} reactor(s)`, LIMIT, () => {
    const bodies: [string, string][] = [
      ['an address and a counted NUL', `127.0.0.1:${echo}\0`],
      ['an address and no NUL', `127.0.0.1:${echo}`],
      ['a name', `web.example:${echo}\0`],
      ['a name in capitals and no NUL', `WEB.EXAMPLE:${echo}`],
      ['a name of two addresses, the first of them dead', `two.example:${echo}\0`],
      ['something behind the NUL', `127.0.0.1:${echo}\0flags and more`],
      ['an IPv4 address in IPv6 clothes', `[::ffff:127.0.0.1]:${echo}\0`],
    ];
    for (const [name, body] of bodies) {
      test(`BEGIN with ${name} connects`, async () => {
        const peer = await scene.created(1);
        peer.say(1, 9, SAY.begin, body);
        await peer.expectSay(1, SAY.connected, 9);
        peer.say(1, 9, SAY.data, 'hello');
        assert.equal((await peer.expectData(1, 9, 5)).toString(), 'hello');
      });
    }

    test('BEGIN that cannot be done is BEGIN_FAILED without a body, and the circuit serves on', async () => {
      const peer = await scene.created(1);
      const refused = [
        `127.0.0.1:${await scene.closedPort()}\0`,
        `[::1]:${await scene.closedPort()}\0`,
        'nobody.example:80\0',
        'never.example:80\0',
        '127.0.0.1:0\0',
        '127.0.0.1:65536\0',
        '127.0.0.1\0',
        ':80\0',
        '\0',
        '',
        'a b c:80\0',
        `${'x'.repeat(400)}:80\0`,
        '\xff\xfe\xfd:80',
      ];
      for (const [at, body] of refused.entries()) {
        peer.say(1, 100 + at, SAY.begin, body);
        const cell = await peer.expectSay(1, SAY.beginFailed, 100 + at);
        assert.equal(cell.length, 0);
      }
      await scene.expectServing(peer, 1, 100);
    });

    test('stream IDs 0 and 65535 are streams like any other', async () => {
      const peer = await scene.created(1);
      for (const streamId of [0, 65535]) {
        await begin(peer, streamId);
        peer.say(1, streamId, SAY.data, `stream ${streamId}`);
        const text = `stream ${streamId}`;
        assert.equal((await peer.expectData(1, streamId, text.length)).toString(), text);
        peer.say(1, streamId, SAY.end);
        await peer.expectSay(1, SAY.end, streamId);
        await begin(peer, streamId);
      }
    });

    test('a stream ID in use is BEGIN_FAILED and its stream goes on; on another circuit it is free', async () => {
      const peer = await scene.created(1);
      await peer.create(3);
      await begin(peer, 5);
      peer.say(1, 5, SAY.begin, `127.0.0.1:${echo}\0`);
      await peer.expectSay(1, SAY.beginFailed, 5);
      peer.say(3, 5, SAY.begin, `127.0.0.1:${echo}\0`);
      await peer.expectSay(3, SAY.connected, 5);
      peer.say(1, 5, SAY.data, 'one');
      assert.equal((await peer.expectData(1, 5, 3)).toString(), 'one');
      peer.say(3, 5, SAY.data, 'two');
      assert.equal((await peer.expectData(3, 5, 3)).toString(), 'two');
    });

    test('more streams than a circuit may have are BEGIN_FAILED until some end', async () => {
      const peer = await scene.created(1);
      for (let streamId = 1; streamId <= 20; streamId++) await begin(peer, streamId);
      peer.say(1, 21, SAY.begin, `127.0.0.1:${echo}\0`);
      await peer.expectSay(1, SAY.beginFailed, 21);
      peer.say(1, 4, SAY.end);
      await peer.expectSay(1, SAY.end, 4);
      await begin(peer, 21);
    });

    test('END right behind BEGIN, with DATA between, leaves no half a stream', async () => {
      const peer = await scene.created(1);
      const before = scene.left().streams;
      for (let i = 0; i < 20; i++) {
        peer.send(sayCell(1, 2, SAY.begin, `127.0.0.1:${echo}\0`), sayCell(1, 2, SAY.data, 'a'));
        peer.send(sayCell(1, 2, SAY.end));
      }
      // Some were connected before their END came, and some were not: each is gone in the end.
      await scene.until('the streams are gone', () => scene.left().streams === before);
      peer.say(1, 3, SAY.begin, `127.0.0.1:${echo}\0`);
      while ((await peer.next()).streamId !== 3) continue;
      peer.say(1, 3, SAY.data, 'on');
      assert.equal((await peer.expectData(1, 3, 2)).toString(), 'on');
    });

    test('DATA is never longer than 498 bytes, and every byte comes in order', async () => {
      const { port, socket } = await held();
      const peer = await scene.created(1);
      await begin(peer, 1, port);
      const sent = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 7) & 0xff));
      (await socket).write(sent);
      const got = await peer.expectData(1, 1, sent.length);
      assert.ok(got.equals(sent));
      peer.send(longData(1, 1, sent.subarray(0, LARGEST_BODY)));
      const [first] = (await once(await socket, 'data')) as [Buffer];
      assert.ok(first.equals(sent.subarray(0, LARGEST_BODY)));
    });

    test('the server that closes ends the stream, even where our END is never answered', async () => {
      const { port, socket } = await held();
      const peer = await scene.created(1);
      await begin(peer, 1, port);
      (await socket).end('bye');
      assert.equal((await peer.expectData(1, 1, 3)).toString(), 'bye');
      await peer.expectSay(1, SAY.end, 1);
      // As kennanmell and vivekparam: no END comes back. DATA after it still reaches a server that only half closed.
      peer.say(1, 1, SAY.data, 'late');
      await peer.expectNothingBefore();
      await scene.expectServing(peer, 1, 2);
    });

    test('END half closes: the server reads its end and may still answer', async () => {
      const { port, socket } = await held();
      const peer = await scene.created(1);
      await begin(peer, 1, port);
      peer.say(1, 1, SAY.end);
      const server = await socket;
      server.resume();
      await once(server, 'end');
      server.end('answer after the end');
      assert.equal((await peer.expectData(1, 1, 20)).toString(), 'answer after the end');
      await peer.expectSay(1, SAY.end, 1);
    });

    test('END after END, DATA after END, END and DATA of no stream: dropped without a word', async () => {
      const peer = await scene.created(1);
      await begin(peer, 1);
      peer.say(1, 1, SAY.end);
      await peer.expectSay(1, SAY.end, 1);
      peer.send(sayCell(1, 1, SAY.end), sayCell(1, 1, SAY.data, 'x'), sayCell(1, 1, SAY.end));
      peer.send(sayCell(1, 77, SAY.data, 'x'), sayCell(1, 77, SAY.end), sayCell(1, 0, SAY.data, 'x'));
      peer.send(
        sayCell(1, 77, SAY.connected),
        sayCell(1, 0, SAY.extended),
        sayCell(1, 0, SAY.extendFailed, 'x'),
      );
      peer.send(sayCell(1, 77, SAY.beginFailed), sayCell(1, 1, 5), sayCell(1, 1, 0), sayCell(1, 1, 255, 'x'));
      await peer.expectNothingBefore();
      await scene.expectServing(peer, 1, 1);
    });

    test('a server that resets its connection ends the stream', async () => {
      const { port, socket } = await held();
      const peer = await scene.created(1);
      await begin(peer, 1, port);
      (await socket).resetAndDestroy();
      await peer.expectSay(1, SAY.end, 1);
      await scene.expectServing(peer, 1, 1);
    });

    test('DESTROY and the loss of the connection close the servers of all streams', async () => {
      for (const how of ['destroy', 'loss'] as const) {
        const { port, socket } = await held();
        const peer = await scene.created(1);
        await begin(peer, 1, port);
        const server = await socket;
        server.resume();
        const closed = once(server, 'close');
        if (how === 'loss') peer.reset();
        else peer.send(destroyCell(1));
        server.on('end', () => server.end());
        await closed;
      }
    });

    test('what came before DESTROY in the same segment still reaches the server', async () => {
      for (let i = 0; i < 10; i++) {
        const { port, socket } = await held();
        const peer = await scene.created(1);
        await begin(peer, 1, port);
        const server = await socket;
        const chunks: Buffer[] = [];
        server.on('data', (bytes: Buffer) => chunks.push(bytes));
        const ended = once(server, 'end');
        peer.send(sayCell(1, 1, SAY.data, 'the last '), sayCell(1, 1, SAY.data, 'words'), destroyCell(1));
        await ended;
        assert.equal(Buffer.concat(chunks).toString(), 'the last words');
        server.end();
      }
    });

    test('EXTEND on a circuit that has streams is EXTEND_FAILED and its streams go on', async () => {
      const router = await scene.router();
      const peer = await scene.created(1);
      await begin(peer, 1);
      peer.say(1, 0, SAY.extend, extendBody(router.port, router.agentId));
      await peer.expectSay(1, SAY.extendFailed, 0);
      peer.say(1, 1, SAY.data, 'on');
      assert.equal((await peer.expectData(1, 1, 2)).toString(), 'on');
    });

    test('after all that nothing is left', () => scene.expectReleased());
  });
}

describe('the exit policy', LIMIT, () => {
  test('private, loopback and shared addresses are refused, however they are written, unless allowed', async () => {
    const scene = await Scene.start({
      relay: {
        exit: {},
        lookup: async (name) => (name === 'inside.example' ? ['10.0.0.1', '127.0.0.1', '::1'] : []),
      },
    });
    const peer = await scene.created(1);
    const port = await scene.server();
    const hosts = ['127.0.0.1', 'localhost', 'inside.example', '[::1]', '[::ffff:127.0.0.1]', '10.1.2.3'];
    hosts.push('192.168.0.1', '172.16.0.1', '169.254.169.254', '0.0.0.0', '[fe80::1]', '[64:ff9b::7f00:1]');
    for (const [streamId, host] of hosts.entries()) {
      peer.say(1, streamId, SAY.begin, `${host}:${port}\0`);
      await peer.expectSay(1, SAY.beginFailed, streamId);
    }
    assert.equal(scene.stats().dataPlane.reactors[0]?.streams, 0);
    await scene.expectReleased();
  });
});
