import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { HttpProxy } from '../../src/proxy/http-proxy.js';
import type { HttpProxyOptions } from '../../src/proxy/proxy-options.js';
import type { StreamDialer } from '../../src/proxy/stream-dialer.js';
import { ManualClock } from '../../src/util/clock.js';
import { KistError } from '../../src/util/errors.js';
import { RawClient, eventually, fetchVia, startBench } from '../support/proxy-client.js';
import type { Bench } from '../support/proxy-client.js';
import { NetDialer, StallingDialer, failingDialer } from '../support/proxy-dialers.js';
import { bytesOf } from '../support/web-server.js';

async function benchFor(t: TestContext, options: Partial<HttpProxyOptions> = {}): Promise<Bench> {
  const bench = await startBench(options);
  t.after(() => bench.close());
  return bench;
}

/** Long enough that an end is taken for leaving, not for the half-close of a request just sent. */
function later(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}

const FAILURES: [code: string | undefined, status: number, cause: RegExp][] = [
  ['ERR_KIST_TIMEOUT', 504, /No answer in time/],
  ['ERR_KIST_STREAM_REFUSED', 502, /exit relay could not connect/],
  ['ERR_KIST_NO_CIRCUIT', 502, /no circuit/],
  ['ERR_KIST_CIRCUIT_CLOSED', 502, /circuit closed/],
  ['ERR_KIST_CLOSED', 502, /closed/],
  ['ERR_KIST_ANYTHING', 502, /stream failed/],
  [undefined, 502, /odd/],
];

for (const [code, status, cause] of FAILURES) {
  test(`a dialer that fails with ${code ?? 'no code'} gives a ${status} page that names cause and target`, async (t) => {
    const bench = await benchFor(t, { dialer: failingDialer(code) });
    const answer = await fetchVia(bench.port, 'http://shop.example:8080/<b>');
    assert.equal(answer.status, status);
    assert.equal(Number(answer.headers['content-length']), answer.body.length);
    assert.match(answer.body.toString(), cause);
    assert.match(answer.body.toString(), /shop\.example:8080/);
    assert.match(String(answer.headers['proxy-status']), new RegExp(code ?? 'ERR_KIST_UNKNOWN'));
    const head = await fetchVia(bench.port, 'http://shop.example/', { method: 'HEAD' });
    assert.equal(head.status, status);
    assert.equal(head.body.length, 0);
    const tunnel = await new RawClient(bench.port)
      .write('CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n')
      .readAll();
    assert.match(tunnel, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.equal(bench.proxy.stats().errors[code ?? 'ERR_KIST_UNKNOWN'], 3);
  });
}

test('a dialer that throws at once is answered like one that rejects', async (t) => {
  const dialer: StreamDialer = {
    connect: () => {
      throw new KistError('ERR_KIST_NO_CIRCUIT', 'none');
    },
  };
  const bench = await benchFor(t, { dialer });
  assert.equal((await fetchVia(bench.port, 'http://a/')).status, 502);
});

test('a connect without an answer is given up after the time set, for requests and tunnels', async (t) => {
  const clock = new ManualClock();
  const dialer = new StallingDialer(new NetDialer());
  const bench = await benchFor(t, { dialer, clock, connectTimeoutMs: 5000 });
  const answer = fetchVia(bench.port, 'http://a.example:9/');
  const tunnel = new RawClient(bench.port).write('CONNECT a:9 HTTP/1.1\r\nHost: a\r\n\r\n').readAll();
  await dialer.until(() => dialer.stalled === 2);
  clock.advance(4999);
  assert.equal(dialer.aborted, 0);
  clock.advance(1);
  assert.equal((await answer).status, 504);
  assert.match(await tunnel, /^HTTP\/1\.1 504 Gateway Timeout/);
  assert.equal(dialer.aborted, 2);
  const late = new PassThrough();
  dialer.answerLate(late);
  await eventually(() => late.destroyed, 'a late stream is destroyed');
});

test('many stalled requests do not hold up another', async (t) => {
  const dialer = new StallingDialer(new NetDialer());
  const bench = await benchFor(t, { dialer });
  const stalled = Array.from({ length: 50 }, () =>
    new RawClient(bench.port).write('GET http://a:9/ HTTP/1.1\r\nHost: a\r\n\r\n'),
  );
  await dialer.until(() => dialer.stalled === 50);
  assert.equal((await fetchVia(bench.port, `${bench.web.origin}/bytes/7`)).body.length, 7);
  await later();
  for (const client of stalled) client.socket.destroy();
  await dialer.until(() => dialer.aborted === 50);
});

test('a client that ended with its request is believed for a while, then given up', async (t) => {
  const clock = new ManualClock();
  const dialer = new StallingDialer(new NetDialer());
  const bench = await benchFor(t, { dialer, clock });
  const client = new RawClient(bench.port);
  client.socket.end('GET http://a:9/ HTTP/1.1\r\nHost: a\r\n\r\n');
  await dialer.until(() => dialer.stalled === 1);
  await eventually(() => clock.pendingTimers === 2, 'the end has come');
  assert.equal(dialer.aborted, 0);
  clock.advance(15_000);
  await dialer.until(() => dialer.aborted === 1);
});

test('a client that leaves while its tunnel is dialled ends the dial', async (t) => {
  const dialer = new StallingDialer(new NetDialer());
  const bench = await benchFor(t, { dialer });
  const client = new RawClient(bench.port).write('CONNECT a:9 HTTP/1.1\r\nHost: a\r\n\r\n');
  await dialer.until(() => dialer.stalled === 1);
  client.socket.destroy();
  await dialer.until(() => dialer.aborted === 1);
  await eventually(() => bench.proxy.stats().openConnections === 0, 'the connection is gone');
  assert.deepEqual(bench.proxy.stats().errors, {}, 'leaving is no error');
});

test('a client that leaves destroys its stream at once', async (t) => {
  const bench = await benchFor(t);
  for (const path of ['/hang', '/bytes/50000000']) {
    const client = new RawClient(bench.port).write(
      `GET ${bench.web.origin}${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
    );
    await eventually(() => bench.web.requests.at(-1)?.url === path, 'the server has the request');
    await later();
    client.socket.destroy();
    await eventually(() => bench.dialer.open.size === 0, 'the stream is destroyed');
    await eventually(() => bench.web.openConnections === 0, 'the server sees it');
  }
});

test('a client that leaves in the middle of its upload destroys the stream', async (t) => {
  const bench = await benchFor(t);
  const client = new RawClient(bench.port);
  client.write(`POST ${bench.web.origin}/sha256 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf`);
  await eventually(() => bench.web.requests.length === 1, 'the server has the head');
  client.socket.end();
  await eventually(() => bench.dialer.open.size === 0, 'the stream is destroyed');
});

test('a server that vanishes in its answer leaves a visible gap', async (t) => {
  const bench = await benchFor(t);
  for (const path of ['/vanish/5000', '/vanish/chunked']) {
    await assert.rejects(fetchVia(bench.port, bench.web.origin + path), { code: 'ECONNRESET' });
  }
  // Without any framing only a reset tells; the client reads what came before it happens.
  const old = new RawClient(bench.port).write(`GET ${bench.web.origin}/partial/5 HTTP/1.0\r\n\r\n`);
  await old.until(() => old.text.endsWith(bytesOf(0, 5).toString('latin1')));
  for (const stream of bench.dialer.open) stream.destroy(new KistError('ERR_KIST_CIRCUIT_CLOSED', 'gone'));
  await old.untilClosed();
  assert.equal(old.error?.code, 'ECONNRESET');
  assert.equal(bench.proxy.stats().errors['ERR_KIST_CIRCUIT_CLOSED'], 1);
});

test('a server that closes, resets or talks nonsense before an answer gives a 502 page', async (t) => {
  const bench = await benchFor(t);
  const { createServer } = await import('node:net');
  const answers = [
    '',
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
    'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 O\x07K\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 103 Early\r\nLink: \x07\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  ];
  for (const answer of answers) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(answer, 'latin1'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const page = await fetchVia(bench.port, `http://127.0.0.1:${port}/`);
    assert.equal(page.status, 502, answer.slice(0, 60));
    assert.match(page.body.toString(), /ERR_KIST_BAD_ANSWER/);
    server.close();
  }
});

test('a server without an answer is given up after the idle time with 504', async (t) => {
  const clock = new ManualClock();
  const bench = await benchFor(t, { clock, idleTimeoutMs: 1000 });
  const answer = fetchVia(bench.port, `${bench.web.origin}/hang`);
  await eventually(() => bench.web.requests.length === 1, 'the server has the request');
  clock.advance(1000);
  assert.equal((await answer).status, 504);
  await eventually(() => bench.dialer.open.size === 0, 'the stream is destroyed');
});

test('silence ends an answer that only the end of the stream would end', async (t) => {
  const clock = new ManualClock();
  const bench = await benchFor(t, { clock, idleTimeoutMs: 100_000, endlessAnswerMs: 1000 });
  const { createServer } = await import('node:net');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 200 OK\r\n\r\nall there is');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const client = new RawClient(bench.port).write(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.until(() => client.text.includes('all there is'));
  clock.advance(1000);
  await client.until(() => client.text.endsWith('\r\n0\r\n\r\n'));
  client.socket.destroy();
  server.close();
});

test('an idle tunnel is closed after the idle time', async (t) => {
  const clock = new ManualClock();
  const bench = await benchFor(t, { clock, idleTimeoutMs: 1000 });
  const client = new RawClient(bench.port);
  client.write(`CONNECT 127.0.0.1:${bench.web.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.until(() => client.text.includes('200'));
  clock.advance(1000);
  await client.untilClosed();
  await eventually(() => bench.dialer.open.size === 0, 'the stream is destroyed');
});

test('a server that answers before the upload is over is heard, and the connection goes on', async (t) => {
  const bench = await benchFor(t);
  const body = bytesOf(0, 3_000_000);
  const client = new RawClient(bench.port);
  client.write(
    `POST ${bench.web.origin}/early HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  await client.until(() => client.text.endsWith('large\n'));
  client
    .write(body)
    .write(`GET ${bench.web.origin}/chunked HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  assert.match(await client.readAll(), /^HTTP\/1\.1 413[^]*HTTP\/1\.1 200 OK[^]*three/);
});

test('an upload to a closed port still gets its 502 page', async (t) => {
  const bench = await benchFor(t);
  const answer = await fetchVia(bench.port, 'http://localhost:1/', {
    method: 'POST',
    body: bytesOf(0, 2_000_000),
  });
  assert.equal(answer.status, 502);
});

test('an upload waits for a server that does not read', async (t) => {
  const bench = await benchFor(t);
  const { createServer } = await import('node:net');
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => undefined).pause()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const client = new RawClient(bench.port);
  client.write(`POST http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n`);
  let written = 0;
  for (let waits = 0; waits < 10 && written < 200_000_000;) {
    written += 1_000_000;
    if (client.socket.write(Buffer.alloc(1_000_000))) waits = 0;
    else {
      const drained = await Promise.race([
        new Promise<boolean>((resolve) => client.socket.once('drain', () => resolve(true))),
        new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 50)),
      ]);
      waits = drained ? 0 : waits + 1;
    }
  }
  assert.ok(bench.proxy.stats().bytesUp < 64_000_000, `${bench.proxy.stats().bytesUp} bytes taken`);
  for (const socket of sockets) socket.resetAndDestroy();
  server.close();
  await client.until(() => client.text.startsWith('HTTP/1.1 502 '));
  client.socket.destroy();
});

test('closing cuts requests, tunnels, dials and idle clients, and can be repeated', async () => {
  const dialer = new StallingDialer(new NetDialer());
  const bench = await startBench({ dialer });
  const clients = [
    'GET http://a:9/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT a:9 HTTP/1.1\r\nHost: a\r\n\r\n',
    `CONNECT 127.0.0.1:${bench.web.port} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET ${bench.web.origin}/hang HTTP/1.1\r\nHost: a\r\n\r\n`,
    'GE',
  ].map((text) => new RawClient(bench.port).write(text));
  await dialer.until(() => dialer.stalled === 2);
  await eventually(() => bench.web.requests.length === 1, 'the server has the request');
  await eventually(() => bench.proxy.stats().openConnections === 5, 'all are connected');
  await Promise.all([bench.proxy.close(), bench.proxy.close()]);
  for (const client of clients) await client.untilClosed();
  assert.equal(dialer.aborted, 2);
  assert.equal(bench.proxy.stats().openConnections, 0);
  await eventually(() => bench.proxy.stats().openStreams === 0, 'no stream is left');
  await assert.rejects(bench.proxy.listen(), { code: 'ERR_KIST_CLOSED' });
  await bench.web.close();
  const never = new HttpProxy({ dialer, port: 0 });
  await never.close();
});
