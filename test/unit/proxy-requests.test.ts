import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawClient, eventually, fetchVia, startBench } from '../support/proxy-client.js';
import type { Bench } from '../support/proxy-client.js';
import { bytesOf, sha256 } from '../support/web-server.js';

let bench: Bench;
let origin: string;

before(async () => {
  bench = await startBench();
  origin = bench.web.origin;
});
after(() => bench.close());

function host(): string {
  return `127.0.0.1:${bench.web.port}`;
}

/** Several requests on one connection, then the end. */
async function talk(text: string): Promise<string> {
  return await new RawClient(bench.port).write(text).readAll();
}

for (const path of [
  '/bytes/0',
  '/bytes/1',
  '/bytes/498',
  '/bytes/300000',
  '/bytes/70000?chunked',
  '/no-length/50000',
]) {
  test(`the answer of ${path} arrives byte by byte`, async () => {
    const answer = await fetchVia(bench.port, origin + path);
    assert.equal(answer.status, 200);
    const size = Number(/\d+/.exec(path)?.[0]);
    assert.equal(answer.body.length, size);
    assert.equal(sha256(answer.body), sha256(bytesOf(0, size)));
  });
}

test('every method reaches the server with its name and path unchanged', async () => {
  const path = '/sha256?q=%7Ea;b//c&d=ä'.replace('ä', '%E4');
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'REPORT', 'PURGE']) {
    const answer = await fetchVia(bench.port, origin + path, { method });
    assert.equal(answer.status, 200, method);
    assert.deepEqual({ ...bench.web.requests.at(-1), rawHeaders: [] }, { method, url: path, rawHeaders: [] });
  }
});

test('a body of any method arrives whole, with a length or chunked', async () => {
  const body = bytesOf(5, 200_000);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    for (const headers of [{ 'content-length': '200000' }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await fetchVia(bench.port, `${origin}/sha256`, { method, headers, body });
      assert.deepEqual(JSON.parse(answer.body.toString()), {
        size: 200_000,
        sha256: sha256(body),
        trailers: {},
      });
    }
  }
});

test('a POST without any body is sent with length 0, not chunked', async () => {
  await talk(`POST ${origin}/sha256 HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\n\r\n`);
  const sent = bench.web.requests.at(-1)?.rawHeaders.join('|') ?? '';
  assert.match(sent, /Content-Length\|0/);
  assert.doesNotMatch(sent, /chunked/);
});

test('HEAD, 204 and 304 have no body, and the connection goes on', async () => {
  const end = `Host: ${host()}\r\nConnection: close\r\n\r\n`;
  const text = await talk(
    `HEAD ${origin}/head HTTP/1.1\r\nHost: x\r\n\r\nGET ${origin}/status/204 HTTP/1.1\r\nHost: x\r\n\r\n` +
      `GET ${origin}/status/304 HTTP/1.1\r\nHost: x\r\n\r\nGET ${origin}/chunked HTTP/1.1\r\n${end}`,
  );
  const heads = text.split('\r\n\r\n');
  assert.match(heads[0] ?? '', /^HTTP\/1\.1 200 OK\r\n(.*\r\n)*content-length: 12345/i);
  assert.match(heads[1] ?? '', /^HTTP\/1\.1 204 No Content/);
  assert.match(heads[2] ?? '', /^HTTP\/1\.1 304 Not Modified/);
  assert.doesNotMatch((heads[1] ?? '') + (heads[2] ?? ''), /transfer-encoding|content-length/i);
  assert.match(heads[3] ?? '', /^HTTP\/1\.1 200 OK/);
});

test('the client connection is kept between requests while every request has its own stream', async () => {
  const before = bench.dialer.targets.length;
  const one = `GET ${origin}/bytes/3 HTTP/1.1\r\nHost: ${host()}\r\n`;
  const text = await talk(`${one}\r\n${one}\r\n${one}Connection: close\r\n\r\n`);
  assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 3);
  assert.equal(bench.dialer.targets.length - before, 3);
});

test('hop-by-hop headers are removed in both directions, and nothing is added that names the proxy', async () => {
  const answer = await fetchVia(bench.port, `${origin}/headers`, {
    headers: {
      ...{
        connection: 'keep-alive, X-Private, Content-Length',
        'x-private': '1',
        'keep-alive': 'timeout=5',
        te: 'trailers',
      },
      ...{
        'proxy-connection': 'keep-alive',
        'proxy-authorization': 'Basic eA==',
        upgrade: 'h3',
        'x-kept': 'yes',
      },
    },
  });
  const sent = JSON.parse(answer.body.toString()) as string[];
  const names = sent.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  assert.deepEqual(names.sort(), ['connection', 'host', 'x-kept']);
  assert.equal(sent[sent.findIndex((name) => name === 'Connection') + 1], 'close');
  assert.equal(answer.headers['x-hop'], undefined);
  assert.equal(answer.headers['proxy-authenticate'], undefined);
  assert.equal(answer.headers['via'], undefined);
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal(answer.headers['x-kept'], 'yes');
});

test('the Host header of an absolute-form request is replaced by the address in it, without user and password', async () => {
  await talk(
    `GET http://user:pw@${host()}/headers#part HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n`,
  );
  const seen = bench.web.requests.at(-1);
  assert.equal(seen?.url, '/headers');
  assert.equal(seen?.rawHeaders[1], host());
  assert.doesNotMatch(seen?.rawHeaders.join() ?? '', /other|user|pw/);
});

test('a request with only a path goes where its Host header says', async () => {
  const text = await talk(`GET /bytes/4 HTTP/1.0\r\nHost: ${host()}\r\n\r\n`);
  assert.match(text, /^HTTP\/1\.1 200 OK/);
  assert.equal(Buffer.from(text.slice(-4), 'latin1').compare(bytesOf(0, 4)), 0);
});

test('a request typed with bare line feeds, in pieces, is understood', async () => {
  const client = new RawClient(bench.port);
  client.socket.setNoDelay(true);
  for (const piece of [
    'POST /sha',
    '256 HTTP/1.0\nHo',
    `st: ${host()}\n`,
    'Content-Length: 3\n',
    '\na',
    '\nb',
  ]) {
    client.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(await client.readAll(), new RegExp(sha256('a\nb')));
});

test('an answer typed with bare line feeds is understood', async () => {
  const { createServer } = await import('node:net');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.0 200 OK\nContent-Type: text/plain\n\nhello');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const answer = await fetchVia(bench.port, `http://127.0.0.1:${address.port}/`);
  assert.equal(answer.body.toString(), 'hello');
  server.close();
});

test('OPTIONS for a whole server is sent as *', async () => {
  await fetchVia(bench.port, origin, { method: 'OPTIONS' }).catch(() => undefined);
  await talk(`OPTIONS ${origin} HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\n\r\n`);
  assert.equal(bench.web.requests.at(-1)?.url, '*');
});

test('Expect: 100-continue is asked of the server and its 100 relayed before the body is sent', async () => {
  const client = new RawClient(bench.port);
  client.write(`POST ${origin}/continue HTTP/1.1\r\nHost: ${host()}\r\nExpect: 100-continue\r\n`);
  client.write('Content-Length: 5\r\nConnection: close\r\n\r\n');
  await client.until(() => client.text.includes('\r\n\r\n'));
  assert.match(client.text, /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  client.write('hello');
  assert.match(await client.readAll(), new RegExp(sha256('hello')));
});

test('an expectation that the server refuses ends the connection after the answer', async () => {
  const head = `POST ${origin}/early HTTP/1.1\r\nHost: ${host()}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
  const text = await talk(head);
  assert.match(text, /^HTTP\/1\.1 413 (.*\r\n)+connection: close/i);
  assert.match(text, /large\n$/);
});

test('other 1xx answers are relayed', async () => {
  const text = await talk(`GET ${origin}/hints HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\n\r\n`);
  assert.match(
    text,
    /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/style.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK/i,
  );
});

test('trailers are passed on in both directions, without the forbidden ones', async () => {
  const answer = await fetchVia(bench.port, `${origin}/trailers`);
  assert.equal(answer.body.toString(), 'body');
  assert.deepEqual({ ...answer.trailers }, { 'x-sum': 'abc' });
  const text = await talk(
    `POST ${origin}/sha256 HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
      '2\r\nab\r\n0\r\nX-Check: 1\r\nHost: evil\r\n\r\n',
  );
  assert.match(text, /"trailers":\{"x-check":"1"\}/);
});

test('an HTTP/1.0 client gets an answer that the close ends, without chunks or 1xx', async () => {
  const text = await talk(`GET ${origin}/chunked HTTP/1.0\r\n\r\n`);
  assert.match(text, /\r\n\r\none,two,three$/);
  assert.doesNotMatch(text, /chunked\r\n|transfer-encoding/i);
  assert.doesNotMatch(await talk(`GET ${origin}/hints HTTP/1.0\r\n\r\n`), /103/);
});

test('a client that ends its side with the request still gets the whole answer', async () => {
  const client = new RawClient(bench.port);
  client.socket.end(`GET ${origin}/slow/120 HTTP/1.0\r\nHost: ${host()}\r\n\r\n`);
  assert.match(await client.readAll(), /slow\n$/);
  const other = new RawClient(bench.port);
  other.socket.end(`POST ${origin}/sha256 HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 2\r\n\r\nhi`);
  assert.match(await other.readAll(), new RegExp(sha256('hi')));
});

test('an answer is over at its length although the server keeps its connection', async () => {
  const answer = await fetchVia(bench.port, `${origin}/forever`);
  assert.equal(answer.body.toString(), 'keep');
});

test('an Upgrade to something else than a WebSocket is ignored, its body included', async () => {
  const text = await talk(
    `POST ${origin}/sha256 HTTP/1.1\r\nHost: ${host()}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
      `HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 3\r\n\r\nabc` +
      `GET ${origin}/chunked HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\n\r\n`,
  );
  assert.match(text, new RegExp(sha256('abc')));
  assert.match(text, /three/);
  assert.doesNotMatch(bench.web.requests.at(-2)?.rawHeaders.join() ?? '', /h2c|http2/i);
});

test('a hundred requests at once are all answered right', async () => {
  const sizes = Array.from({ length: 100 }, (_, i) => i * 1021);
  const answers = await Promise.all(sizes.map((size) => fetchVia(bench.port, `${origin}/bytes/${size}`)));
  answers.forEach((answer, i) => assert.equal(sha256(answer.body), sha256(bytesOf(0, sizes[i] ?? 0))));
});

test('streams are gone after their answers, and the counters tell what passed', async () => {
  await fetchVia(bench.port, `${origin}/bytes/100`);
  const stats = bench.proxy.stats();
  const answer = await fetchVia(bench.port, `${origin}/sha256`, { method: 'POST', body: bytesOf(0, 5000) });
  const later = bench.proxy.stats();
  assert.equal(later.requests - stats.requests, 1);
  assert.equal(later.bytesUp - stats.bytesUp, 5000);
  assert.equal(later.bytesDown - stats.bytesDown, answer.body.length);
  await eventually(() => bench.dialer.open.size === 0, 'every stream closed');
  assert.equal(bench.proxy.stats().openStreams, 0);
});
