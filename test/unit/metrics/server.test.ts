import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { MetricsServer } from '../../../src/metrics/index.js';
import type { MetricsAddress, MetricsServerOptions } from '../../../src/metrics/index.js';
import { ManualClock } from '../../../src/util/clock.js';

const BODY = 'metric_ä 1\n';

async function serve(
  t: TestContext,
  options: Partial<MetricsServerOptions> = {},
): Promise<{ server: MetricsServer; address: MetricsAddress }> {
  const server = new MetricsServer({
    listen: { address: '127.0.0.1', port: 0 },
    permits: () => true,
    expose: () => BODY,
    clock: new ManualClock(),
    ...options,
  });
  t.after(() => server.close());
  return { server, address: await server.listen() };
}

/** Everything that comes back until the other end closes. */
async function ask(address: MetricsAddress, request: string): Promise<string> {
  const target: NetConnectOpts =
    'path' in address ? { path: address.path } : { host: address.address, port: address.port };
  const socket = connect(target);
  socket.end(request);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk as Buffer);
  } catch {
    // A refused one may be reset.
  }
  return Buffer.concat(chunks).toString();
}

test('GET /metrics is answered in HTTP/1.0 with date, type and length, and the connection closes', async (t) => {
  const { address } = await serve(t);
  for (const version of ['1.0', '1.1']) {
    assert.equal(
      await ask(
        address,
        `GET /metrics HTTP/${version}\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n`,
      ),
      'HTTP/1.0 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n' +
        `Content-Length: 12\r\n\r\n${BODY}`,
    );
  }
});

for (const [request, answer] of [
  ['GET / HTTP/1.0\r\n\r\n', 'HTTP/1.0 404 Not Found\r\n\r\n'],
  ['GET /metrics/ HTTP/1.0\r\n\r\n', 'HTTP/1.0 404 Not Found\r\n\r\n'],
  ['GET /metrics?x HTTP/1.0\r\n\r\n', 'HTTP/1.0 404 Not Found\r\n\r\n'],
  ['HEAD /metrics HTTP/1.0\r\n\r\n', 'HTTP/1.0 405 Method Not Allowed\r\n\r\n'],
  ['POST /metrics HTTP/1.0\r\nContent-Length: 1\r\n\r\nx', 'HTTP/1.0 405 Method Not Allowed\r\n\r\n'],
  ['nonsense\r\n\r\n', 'HTTP/1.0 400 Bad Request\r\n\r\n'],
  [`GET /metrics HTTP/1.0\r\nA: ${'b'.repeat(5000)}\r\n\r\n`, 'HTTP/1.0 400 Bad Request\r\n\r\n'],
] as const) {
  test(`${JSON.stringify(request.slice(0, 30))} is answered ${answer.slice(9, 12)} without a body`, async (t) => {
    const { address } = await serve(t);
    assert.equal(await ask(address, request), answer);
  });
}

test('whom the policy refuses gets no answer', async (t) => {
  const asked: string[] = [];
  const { address } = await serve(t, {
    permits: (peer) => {
      asked.push(peer);
      return false;
    },
  });
  assert.equal(await ask(address, 'GET /metrics HTTP/1.0\r\n\r\n'), '');
  assert.deepEqual(asked, ['127.0.0.1']);
});

test('a listener on every address judges IPv4 peers as IPv4', async (t) => {
  const asked: string[] = [];
  const permits = (peer: string): boolean => asked.push(peer) > 0;
  const { address } = await serve(t, { listen: { address: '::', port: 0 }, permits });
  if ('path' in address) throw new Error('no path was asked for');
  await ask({ address: '127.0.0.1', port: address.port }, 'GET /metrics HTTP/1.0\r\n\r\n');
  assert.deepEqual(asked, ['127.0.0.1']);
});

test('a Unix socket asks no policy', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kist-metrics-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { address } = await serve(t, { listen: { path: join(folder, 'm') }, permits: () => false });
  assert.match(await ask(address, 'GET /metrics HTTP/1.0\r\n\r\n'), /^HTTP\/1\.0 200 OK/);
});

test('metrics that cannot be put together are answered 500, and the next time is tried again', async (t) => {
  let fails = true;
  const expose = (): string => {
    if (fails) throw new Error('broken');
    return BODY;
  };
  const { address } = await serve(t, { expose });
  assert.match(await ask(address, 'GET /metrics HTTP/1.0\r\n\r\n'), /^HTTP\/1\.0 500 /);
  fails = false;
  assert.match(await ask(address, 'GET /metrics HTTP/1.0\r\n\r\n'), /^HTTP\/1\.0 200 /);
});

test('a port that is taken is told, and closing lets open connections go', async (t) => {
  const { server, address } = await serve(t);
  if ('path' in address) throw new Error('no path was asked for');
  const second = new MetricsServer({
    listen: address,
    permits: () => true,
    expose: () => BODY,
    clock: new ManualClock(),
  });
  await assert.rejects(second.listen(), { code: 'EADDRINUSE' });
  const idle = connect({ host: address.address, port: address.port });
  idle.on('error', () => undefined);
  await new Promise((resolve) => idle.once('connect', resolve));
  const closed = new Promise((resolve) => idle.once('close', resolve));
  idle.resume();
  await server.close();
  await closed;
});
