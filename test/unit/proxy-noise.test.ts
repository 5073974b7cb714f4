import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { eventually, fetchVia, startBench } from '../support/proxy-client.js';

/** A small generator of its own: the same seed damages the same bytes on every machine. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789',
  'HTTP/1.1 200 OK\r\n\r\nabc',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nxyz',
  'HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 N\r\nContent-Length: 1\r\n\r\nx',
  'HTTP/1.1 204 No Content\r\n\r\n',
];

function requestsTo(host: string): string[] {
  const url = `http://${host}`;
  return [
    `GET ${url}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
    `POST ${url}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n01234567890123456789`,
    `POST ${url}/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    `CONNECT ${host} HTTP/1.1\r\nHost: x\r\n\r\nhello`,
    `GET ${url}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly`,
    `POST ${url}/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nabcd`,
    `HEAD ${url}/ HTTP/1.0\n\n`,
    `POST ${url}/ HTTP/1.0\r\nContent-Length: 400000\r\n\r\n${'x'.repeat(1000)}`,
  ];
}

function damage(text: string, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(text, 'latin1');
  if (random(3) === 0) return bytes;
  for (let rest = random(4); rest >= 0; rest--) {
    const at = random(bytes.length || 1);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const kind = random(4);
    if (kind === 0 && at < bytes.length) bytes[at] = random(256);
    else if (kind === 1) bytes = Buffer.concat([before, after.subarray(1 + random(5))]);
    else if (kind === 2)
      bytes = Buffer.concat([before, Buffer.from(['\r\n', '\0', ':', ' ', '\x07'][random(5)] ?? ''), after]);
    else bytes = Buffer.concat([before, bytes.subarray(Math.max(0, at - random(20)))]);
  }
  return bytes;
}

/** Writes `bytes` in two pieces and leaves in one of the ways there are. */
function speak(socket: Socket, bytes: Buffer, random: (below: number) => number): void {
  const cut = random(bytes.length + 1);
  socket.write(bytes.subarray(0, cut));
  const way = random(4);
  setTimeout(() => {
    socket.write(bytes.subarray(cut));
    if (way === 0) socket.end();
    else if (way === 1) socket.destroy();
    else if (way === 2) socket.resetAndDestroy();
  }, random(4));
}

for (const seed of [1, 2, 3]) {
  test(`damaged requests and answers harm nobody else and leave nothing behind (seed ${seed})`, async () => {
    const random = makeRandom(seed);
    const times = {
      idleTimeoutMs: 300,
      connectTimeoutMs: 300,
      endlessAnswerMs: 100,
      clientIdleTimeoutMs: 300,
    };
    const bench = await startBench(times);
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => speak(socket, damage(ANSWERS[random(ANSWERS.length)] ?? '', random), random));
      socket.once('end', () => socket.end()).resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const requests = requestsTo(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    const one = (): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect({ port: bench.port, host: '127.0.0.1' });
        socket.on('error', () => undefined).on('close', () => resolve());
        socket.resume();
        speak(socket, damage(requests[random(requests.length)] ?? '', random), random);
        setTimeout(() => socket.destroy(), 150);
      });
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 25 }, one));
    const answer = await fetchVia(bench.port, `${bench.web.origin}/bytes/9`);
    assert.equal(answer.body.length, 9);
    await eventually(() => bench.proxy.stats().openConnections === 0, 'every connection is gone');
    await eventually(() => bench.proxy.stats().openStreams === 0, 'every stream is gone');
    assert.equal(bench.dialer.open.size, 0);
    server.close();
    await bench.close();
  });
}
