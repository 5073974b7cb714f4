import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { KistError } from '../../src/util/errors.js';
import { RawClient, eventually, fetchVia, openTunnel, startBench } from '../support/proxy-client.js';
import type { Bench } from '../support/proxy-client.js';
import { bytesOf, sha256 } from '../support/web-server.js';

let bench: Bench;
before(async () => {
  bench = await startBench();
});
after(() => bench.close());

/** A server that treats each connection as `serve` says. */
async function listen(
  serve: (socket: Socket) => void,
  host = '127.0.0.1',
): Promise<{ port: number; server: Server }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  server.unref();
  return { port: (server.address() as AddressInfo).port, server };
}

const OK = 'HTTP/1.1 200 Connection Established\r\n\r\n';

test('a tunnel carries bytes both ways unchanged', async () => {
  const { port } = await listen((socket) => socket.pipe(socket));
  const client = await openTunnel(bench.port, `localhost:${port}`);
  assert.equal(client.text, OK);
  const data = bytesOf(3, 1_000_000);
  client.write(data).socket.end();
  await client.until(() => client.ended);
  assert.equal(sha256(client.bytes.subarray(OK.length)), sha256(data));
});

test('bytes sent right behind the CONNECT head reach the server first', async () => {
  const { port } = await listen((socket) => socket.pipe(socket));
  const client = new RawClient(bench.port).write(
    `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\nearly `,
  );
  client.socket.end('and late');
  assert.equal(await client.readAll(), `${OK}early and late`);
});

test('the client can end its side and still read, and the server likewise', async () => {
  const talkative = await listen((socket) => {
    socket.resume();
    socket.on('end', () => setTimeout(() => socket.end('after your end'), 60));
  });
  const client = await openTunnel(bench.port, `127.0.0.1:${talkative.port}`);
  client.socket.end('question');
  assert.equal(await client.readAll(), `${OK}after your end`);

  let received = '';
  const done = withResolvers();
  const listening = await listen((socket) => {
    socket.end('bye');
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('end', () => done.resolve());
  });
  const other = await openTunnel(bench.port, `127.0.0.1:${listening.port}`);
  await other.until(() => other.ended);
  other.socket.end('after your bye');
  await done.promise;
  assert.equal(received, 'after your bye');
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

test('an IPv6 target in brackets is dialled without them', async () => {
  const { port } = await listen((socket) => socket.end('six'), '::1');
  const client = await openTunnel(bench.port, `[::1]:${port}`);
  assert.equal(await client.readAll(), `${OK}six`);
  assert.deepEqual(bench.dialer.targets.at(-1), { host: '::1', port });
});

test('a tunnel to a closed port is answered 502 with a short text, and the connection ends', async () => {
  const client = new RawClient(bench.port).write('CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n');
  const text = await client.readAll();
  assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
  assert.match(text, /ERR_KIST_STREAM_REFUSED/);
  assert.match(text, /localhost:1/);
  assert.equal(Number(/content-length: (\d+)/i.exec(text)?.[1]), text.split('\r\n\r\n')[1]?.length);
});

for (const target of [
  'nowhere',
  'host:0',
  'host:65536',
  'host:http',
  ':80',
  '[::1',
  'a b:80',
  '1.2.3:80',
  'x:1:2',
]) {
  test(`CONNECT ${target} is refused with 400 and dials nothing`, async () => {
    const before = bench.dialer.targets.length;
    const text = await new RawClient(bench.port)
      .write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
      .readAll();
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.equal(bench.dialer.targets.length, before);
  });
}

test('the loss of the server resets the client, and the loss of the client resets the server', async () => {
  const sockets: Socket[] = [];
  const { port } = await listen((socket) => {
    sockets.push(socket);
    socket.on('data', () => socket.resetAndDestroy());
  });
  const client = (await openTunnel(bench.port, `127.0.0.1:${port}`)).write('x');
  await client.untilClosed();
  assert.equal(client.error?.code, 'ECONNRESET');
  const other = await openTunnel(bench.port, `127.0.0.1:${port}`);
  await eventually(() => sockets.length === 2, 'the server accepted');
  other.socket.resetAndDestroy();
  await eventually(() => bench.dialer.open.size === 0, 'the stream is destroyed');
});

test('a tunnel whose circuit dies is cut, and the error code is counted', async () => {
  const { port } = await listen((socket) => socket.resume());
  const client = await openTunnel(bench.port, `127.0.0.1:${port}`);
  for (const stream of bench.dialer.open) stream.destroy(new KistError('ERR_KIST_CIRCUIT_CLOSED', 'gone'));
  await client.untilClosed();
  assert.equal(client.error?.code, 'ECONNRESET');
  assert.equal(bench.proxy.stats().errors['ERR_KIST_CIRCUIT_CLOSED'], 1);
});

test('a slow reader of a tunnel holds up its server instead of filling memory', async () => {
  let written = 0;
  const { port } = await listen((socket) => {
    const more = (): void => {
      for (;;) {
        written += 65536;
        if (!socket.write(Buffer.alloc(65536))) break;
        if (written > 400_000_000) return void socket.destroy();
      }
      socket.once('drain', more);
    };
    more();
  });
  const client = await openTunnel(bench.port, `127.0.0.1:${port}`);
  client.socket.pause();
  let last = -1;
  for (let quiet = 0; quiet < 5; quiet = written === last ? quiet + 1 : 0) {
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(written < 64_000_000, `${written} bytes taken for a client that reads nothing`);
  client.socket.destroy();
});

test('a WebSocket request is passed on and becomes a raw tunnel', async () => {
  const authority = `127.0.0.1:${bench.web.port}`;
  const client = new RawClient(bench.port);
  client.write(
    `GET ws://${authority}/socket HTTP/1.1\r\nHost: ${authority}\r\nConnection: keep-alive, Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await client.until(() => client.text.endsWith('hello '));
  assert.match(client.text, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(client.text, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  client.write('ping');
  await client.until(() => client.text.endsWith('hello ping'));
  client.socket.end();
  await client.untilClosed();
  assert.equal(bench.proxy.stats().upgrades, 1);
});

test('a WebSocket that the server refuses gets its answer', async () => {
  const text = await new RawClient(bench.port)
    .write(
      `GET http://127.0.0.1:${bench.web.port}/no-websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\n\r\n',
    )
    .readAll();
  assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n/);
  assert.match(text, /no\n$/);
});

test('a WebSocket to a closed port gets the 502 page', async () => {
  const text = await new RawClient(bench.port)
    .write('GET ws://localhost:1/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    .readAll();
  assert.match(text, /^HTTP\/1\.1 502 /);
  assert.match(text, /<\/html>\n$/);
});

test('a CONNECT behind an unanswered request cuts the connection instead of mixing answers', async () => {
  const client = new RawClient(bench.port);
  client.write(
    `GET ${bench.web.origin}/hang HTTP/1.1\r\nHost: x\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  await client.untilClosed();
  assert.equal(client.text, '');
});

test('a kept connection can turn into a tunnel', async () => {
  const { port } = await listen((socket) => socket.end('tunnel'));
  const client = new RawClient(bench.port).write(
    `GET ${bench.web.origin}/bytes/3 HTTP/1.1\r\nHost: x\r\n\r\n`,
  );
  const start = bytesOf(0, 3).toString('latin1');
  await client.until(() => client.text.endsWith(`\r\n\r\n${start}`));
  client.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.ok((await client.readAll()).endsWith(`${start}${OK}tunnel`));
});

test('plain requests still pass beside open tunnels', async () => {
  const { port } = await listen((socket) => socket.resume());
  const tunnels = await Promise.all(
    Array.from({ length: 20 }, () => openTunnel(bench.port, `127.0.0.1:${port}`)),
  );
  const answer = await fetchVia(bench.port, `${bench.web.origin}/bytes/10`);
  assert.equal(answer.body.length, 10);
  for (const tunnel of tunnels) tunnel.socket.destroy();
});
