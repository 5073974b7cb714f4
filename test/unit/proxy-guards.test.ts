import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { HttpProxy } from '../../src/proxy/http-proxy.js';
import type { HttpProxyOptions } from '../../src/proxy/proxy-options.js';
import { isOwnAddress } from '../../src/proxy/own-address.js';
import { authorityOf, parseAuthority, parseRequestTarget } from '../../src/proxy/target.js';
import { ManualClock } from '../../src/util/clock.js';
import { RawClient, eventually, fetchVia, startBench } from '../support/proxy-client.js';
import type { Bench } from '../support/proxy-client.js';

let bench: Bench;
before(async () => {
  bench = await startBench();
});
after(() => bench.close());

const GET = 'GET http://a/ HTTP/1.1\r\n';
const REFUSED: [name: string, text: string, status: number, page: RegExp][] = [
  [
    'two different lengths',
    `${GET}Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    400,
    /Content-Length/,
  ],
  [
    'two equal lengths',
    `${GET}Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    400,
    /Content-Length/,
  ],
  [
    'length and chunks',
    `${GET}Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    /Transfer-Encoding/,
  ],
  [
    'an unknown coding',
    `POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    501,
    /gzip/,
  ],
  ['a space in a header name', `${GET}Host : a\r\n\r\n`, 400, /valid HTTP/],
  ['two Host headers', `${GET}Host: a\r\nHost: b\r\n\r\n`, 400, /more than one Host/],
  ['no Host header', `${GET}\r\n`, 400, /no Host/],
  ['no address at all', 'GET / HTTP/1.0\r\n\r\n', 400, /Host/],
  ['a bad header folded in', `${GET}Host: a\r\nX: a\r\n b\r\n\r\n`, 400, /valid HTTP/],
  ['https without CONNECT', 'GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, /CONNECT/],
  ['another scheme', 'GET gopher://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, /gopher/],
  ['a script as Host', 'GET / HTTP/1.1\r\nHost: <script>\r\n\r\n', 400, /&lt;script&gt;/],
  ['a host with spaces in Host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400, /usable host/],
  ['port 0', 'GET http://a:0/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, /port 0/],
  ['HTTP/2 by prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, /HTTP\/1\.1/],
  ['an unknown method', 'NONSENSE http://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, /method/],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, /method/],
  ['a huge head', `${GET}Host: a\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`, 431, /too large/],
  ['a head of bare line feeds without end', `GET / HTTP/1.0\n${'X: y\n'.repeat(20_000)}`, 400, /valid HTTP/],
  ['bad chunks', `${GET}Host: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`, 400, /valid HTTP/],
];

for (const [name, text, status, page] of REFUSED) {
  test(`a request with ${name} is refused with ${status} and a page, and nothing is dialled`, async () => {
    const quiet = await startBench({ dialer: { connect: () => new Promise(() => undefined) } });
    const client = new RawClient(quiet.port);
    client.socket.write(text, 'latin1');
    await client.until(() => client.text.includes('</html>') || client.ended || name === 'bad chunks');
    if (name === 'bad chunks') await client.untilClosed();
    else {
      assert.match(client.text, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(client.text, page);
      assert.equal(quiet.proxy.stats().openStreams, 0);
    }
    client.socket.destroy();
    await quiet.close();
  });
}

test('a page for the proxy itself helps, and requests that lead back are refused with 508', async () => {
  const own = `127.0.0.1:${bench.port}`;
  const page = await new RawClient(bench.port).write(`GET / HTTP/1.0\r\nHost: ${own}\r\n\r\n`).readAll();
  assert.match(page, /^HTTP\/1\.1 200 OK/);
  assert.match(page, new RegExp(`curl --proxy http://${own}`));
  const icon = await new RawClient(bench.port)
    .write(`GET /favicon.ico HTTP/1.0\r\nHost: ${own}\r\n\r\n`)
    .readAll();
  assert.match(icon, /^HTTP\/1\.1 404 /);
  assert.equal((await fetchVia(bench.port, `http://localhost:${bench.port}/`)).status, 508);
  const tunnel = new RawClient(bench.port).write(`CONNECT ${own} HTTP/1.1\r\nHost: ${own}\r\n\r\n`);
  assert.match(await tunnel.readAll(), /^HTTP\/1\.1 508 Loop Detected/);
});

test('OPTIONS with no forwards left is answered by the proxy, otherwise they are counted down', async () => {
  const options = { method: 'OPTIONS', headers: { 'max-forwards': '0' } };
  assert.match(
    (await fetchVia(bench.port, `${bench.web.origin}/headers`, options)).body.toString(),
    /HTTP proxy/,
  );
  options.headers['max-forwards'] = '3';
  const sent = JSON.parse(
    (await fetchVia(bench.port, `${bench.web.origin}/headers`, options)).body.toString(),
  ) as string[];
  assert.equal(sent[sent.indexOf('Max-Forwards') + 1], '2');
});

test('a hundred requests piled up on one connection are cut, not kept', async () => {
  const stalled = await startBench({ dialer: { connect: () => new Promise(() => undefined) } });
  const client = new RawClient(stalled.port).write(`${GET}Host: a\r\n\r\n`.repeat(100));
  await client.untilClosed();
  assert.ok(stalled.proxy.stats().requests <= 32);
  await stalled.close();
});

test('connections above maxConnections are dropped and counted, the others served', async () => {
  const small = await startBench({ maxConnections: 2 });
  const first = new RawClient(small.port).write('G');
  const second = new RawClient(small.port).write('G');
  await eventually(() => small.proxy.stats().openConnections === 2, 'two are connected');
  const third = new RawClient(small.port).write('G');
  await third.untilClosed();
  assert.equal(small.proxy.stats().dropped, 1);
  first.write(`ET ${small.web.origin}/chunked HTTP/1.0\r\n\r\n`);
  assert.match(await first.readAll(), /three/);
  second.socket.destroy();
  await small.close();
});

test('a client that connects and says nothing is closed after its idle time', async () => {
  const clock = new ManualClock();
  const idle = await startBench({ clock, clientIdleTimeoutMs: 500 });
  const clients = [new RawClient(idle.port), new RawClient(idle.port).write('GET http://a')];
  await eventually(() => idle.proxy.stats().openConnections === 2, 'both are connected');
  clock.advance(500);
  for (const client of clients) await client.untilClosed();
  await idle.close();
});

test('a client that connects and leaves, in any state of its request, leaves nothing behind', async () => {
  const quiet = await startBench();
  const starts = ['', 'GE', 'GET / HTTP/1.0\nHost: a\n', 'GET / HTTP/1.1\r\nHo', '\x16\x03', '\r\n'];
  for (const text of starts) {
    const client = new RawClient(quiet.port);
    client.socket.end(text);
    await client.until(() => client.ended || client.closed);
  }
  await eventually(() => quiet.proxy.stats().openConnections === 0, 'every connection is gone');
  await quiet.close();
});

test('the next free port is taken when told to search, and a clear error given when not', async (t) => {
  const busy = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => busy.once('listening', resolve));
  t.after(() => busy.close());
  const { port } = busy.address() as AddressInfo;
  const dialer = bench.dialer;
  const strict = new HttpProxy({ dialer, port });
  await assert.rejects(strict.listen(), {
    code: 'ERR_KIST_LISTEN',
    message: new RegExp(`port ${port} of 127.0.0.1`),
  });
  await strict.close();
  const searching = new HttpProxy({ dialer, port, portSearch: 20 });
  const bound = await searching.listen();
  assert.ok(bound.port > port && bound.port <= port + 20);
  assert.deepEqual(await searching.listen(), bound);
  await searching.close();
});

test('wrong options are refused with a TypeError that names them', () => {
  const dialer = bench.dialer;
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ port: 0 }, /^dialer must be/],
    [{ dialer, port: -1 }, /^port must be/],
    [{ dialer, port: 70_000 }, /^port must be/],
    [{ dialer }, /^port must be/],
    [{ dialer, port: 0, host: 5 }, /^host must be/],
    [{ dialer, port: 0, idleTimeoutMs: 0 }, /^idleTimeoutMs must be/],
    [{ dialer, port: 0, maxConnections: 1.5 }, /^maxConnections must be/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => new HttpProxy(options as unknown as HttpProxyOptions), {
      name: 'TypeError',
      message,
    });
  }
});

test('authorities are parsed exactly', () => {
  assert.deepEqual(parseAuthority('Example.org:8080'), { host: 'Example.org', port: 8080 });
  assert.deepEqual(parseAuthority('[2001:db8::1]', 80), { host: '2001:db8::1', port: 80 });
  assert.deepEqual(parseAuthority('a:', 80), { host: 'a', port: 80 });
  assert.equal(authorityOf({ host: '::1', port: 7 }), '[::1]:7');
  for (const bad of [
    '',
    ':1',
    'a',
    'a:b',
    '[::1%lo]:1',
    '[a]:1',
    'a\0b:1',
    'a/b:1',
    '256.1.1.1:1',
    `${'a'.repeat(254)}:1`,
  ]) {
    assert.throws(() => parseAuthority(bad), { code: 'ERR_KIST_BAD_REQUEST' }, bad);
  }
  assert.equal(parseRequestTarget('GET', 'http://a?x=1', undefined).path, '/?x=1');
  assert.equal(parseRequestTarget('OPTIONS', '*', 'a').path, '*');
});

test('the own address is known in every spelling', () => {
  const own = (host: string, bound: string, local?: string): boolean =>
    isOwnAddress({ host, port: 8118 }, { host: bound, port: 8118 }, local);
  assert.ok(own('LOCALHOST.', '127.0.0.1'));
  assert.ok(own('0.0.0.0', '127.0.0.1'));
  assert.ok(own('::ffff:127.0.0.1', '127.0.0.1'));
  assert.ok(own('0:0:0:0:0:0:0:1', '::1'));
  assert.ok(own('127.9.9.9', '0.0.0.0'));
  assert.ok(own('192.0.2.1', '::', '::ffff:192.0.2.1'));
  assert.ok(!own('127.0.0.2', '127.0.0.1'));
  assert.ok(!own('example.org', '0.0.0.0'));
  assert.ok(!isOwnAddress({ host: '127.0.0.1', port: 80 }, { host: '127.0.0.1', port: 8118 }, undefined));
});
