import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { HttpProxy } from '../../../src/proxy/index.js';
import { Scene } from '../../support/raw-tor61-scene.js';
import { CELL, destroyCell, longData, SAY, sayCell } from '../../support/raw-tor61-cells.js';
import type { RawCell } from '../../support/raw-tor61-cells.js';
import { agreeable } from '../../support/raw-tor61-script.js';
import type { RawPeer } from '../../support/raw-tor61.js';

const LIMIT = { timeout: 60_000 };
const scene = await Scene.start();

interface Asked {
  peer: RawPeer;
  circId: number;
  streamId: number;
}

/** What the router by hand answers when a request's DATA has come; BEGIN to port 1 is refused. */
let onRequest: (asked: Asked) => void = () => undefined;
let ends = 0;

const router = await scene.router(
  agreeable((cell: RawCell, peer) => {
    if (cell.kind !== CELL.relay) return false;
    const { circId, streamId } = cell;
    if (cell.says === SAY.data) onRequest({ peer, circId, streamId });
    if (cell.says === SAY.end) ends++;
    if (cell.says !== SAY.begin || !cell.body.includes(':1\0')) return false;
    peer.say(circId, streamId, SAY.beginFailed, 'no');
    return true;
  }),
);
const origin = scene.origin([router.record], { retryMs: 20, maxRetryMs: 100 });
origin.start();
const proxy = new HttpProxy({ dialer: origin, port: 0, endlessAnswerMs: 500 });
const { port: proxyPort } = await proxy.listen();
after(() => proxy.close());

const lines = (...text: string[]): string => text.map((line) => `${line}\r\n`).join('');

function client(): Socket {
  return connect(proxyPort, '127.0.0.1').on('error', () => undefined);
}

/** All that the proxy answers until it closes. */
async function get(url: string): Promise<string> {
  const socket = client();
  socket.write(lines(`GET ${url} HTTP/1.1`, `Host: ${new URL(url).host}`, 'Connection: close', ''));
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  await new Promise((resolve) => socket.on('close', resolve));
  return text;
}

const say = ({ peer, circId, streamId }: Asked, body: string): void =>
  peer.say(circId, streamId, SAY.data, body);

/** Row 14 through the proxy: what ends an answer when END comes, and when it never does. */
describe('answers through the proxy', LIMIT, () => {
  test('without Content-Length it ends with END', async () => {
    onRequest = (asked) => {
      say(asked, lines('HTTP/1.0 200 OK', ''));
      say(asked, 'first ');
      say(asked, 'last');
      asked.peer.say(asked.circId, asked.streamId, SAY.end);
    };
    const since = performance.now();
    const answer = await get('http://a.example/');
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
    assert.match(answer.replace(/\r\n[0-9a-f]+\r\n/g, ''), /first .*last/s);
    assert.ok(performance.now() - since < 450, 'no silence is waited for');
  });

  test('without Content-Length and END it ends by silence', async () => {
    onRequest = (asked) => say(asked, `${lines('HTTP/1.0 200 OK', '')}all there is`);
    const since = performance.now();
    assert.match(await get('http://a.example/'), /all there is/);
    assert.ok(performance.now() - since >= 450);
  });

  test('with Content-Length it ends by that, and END that comes later or never harms nobody', async () => {
    for (const end of [true, false]) {
      onRequest = (asked) => {
        say(asked, `${lines('HTTP/1.1 200 OK', 'Content-Length: 4', '')}four`);
        asked.peer.say(asked.circId, asked.streamId, SAY.data, 'behind it');
        if (end) asked.peer.say(asked.circId, asked.streamId, SAY.end);
      };
      const before = ends;
      const since = performance.now();
      const answer = await get('http://a.example/');
      assert.match(answer, /\r\n\r\nfour$/);
      assert.ok(performance.now() - since < 450);
      await scene.until('our END came', () => ends > before);
    }
  });

  test('an answer in one DATA of 3140 bytes over seven blocks comes whole', async () => {
    const body = Buffer.alloc(3000, 'seven blocks ').toString();
    onRequest = ({ peer, circId, streamId }) => {
      const text = `${lines('HTTP/1.0 200 OK', `Content-Length: ${body.length}`, '')}${body}`;
      peer.send(longData(circId, streamId, Buffer.from(text)), sayCell(circId, streamId, SAY.end));
    };
    assert.ok((await get('http://a.example/')).endsWith(body));
  });

  test('the circuit that ends before the answer is 502, in the middle of it a cut connection', async () => {
    onRequest = ({ peer, circId }) => peer.send(destroyCell(circId));
    assert.match(await get('http://a.example/'), /^HTTP\/1\.1 50[24] /);
    onRequest = (asked) => {
      say(asked, `${lines('HTTP/1.1 200 OK', 'Content-Length: 1000', '')}part`);
      asked.peer.send(destroyCell(asked.circId));
    };
    const answer = await get('http://a.example/');
    assert.match(answer, /part$/);
    onRequest = (asked) => say(asked, `${lines('HTTP/1.1 200 OK', 'Content-Length: 2', '')}ok`);
    assert.match(await get('http://a.example/'), /ok$/, 'and the next circuit serves');
  });

  test('BEGIN_FAILED is 502 for requests and for CONNECT', async () => {
    assert.match(await get('http://a.example:1/'), /^HTTP\/1\.1 502 /);
    const socket = client();
    socket.write(lines('CONNECT a.example:1 HTTP/1.1', 'Host: a.example:1', ''));
    const text = await new Promise<string>((resolve) =>
      socket.once('data', (bytes) => resolve(String(bytes))),
    );
    assert.match(text, /^HTTP\/1\.1 502 /);
    socket.destroy();
  });

  test('CONNECT: bytes as they are, and END closes the browser’s side', async () => {
    onRequest = (asked) => {
      say(asked, 'raw answer');
      asked.peer.say(asked.circId, asked.streamId, SAY.end);
    };
    const socket = client();
    socket.write(lines('CONNECT a.example:443 HTTP/1.1', 'Host: a.example:443', ''));
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      if (text === '') socket.write('raw request');
      text += bytes.toString();
    });
    await new Promise((resolve) => socket.on('end', resolve));
    assert.match(text, /^HTTP\/1\.1 200 .*\r\n\r\nraw answer$/s);
    socket.end();
  });

  test('after all that nothing is left', async () => {
    await proxy.close();
    await scene.expectReleased();
  });
});
