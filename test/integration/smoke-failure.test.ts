import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { DemoSite } from '../../src/network/demo-site.js';
import { runSmoke } from '../../src/network/smoke.js';
import type { HopCount, SmokeSubject } from '../../src/network/smoke.js';

let site: DemoSite;
let proxy: Server;
/** What the proxy does to an answer on its way. */
let meddle: (answer: IncomingMessage, response: ServerResponse) => void;

function passOn(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  answer.pipe(response);
}

before(async () => {
  site = await DemoSite.start();
  proxy = createServer((request, response) => {
    const onward = httpRequest(request.url ?? '', { method: request.method, headers: request.headers });
    onward.on('response', (answer) => meddle(answer, response));
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});

after(async () => {
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await site.close();
});

const NAMES = ['a', 'b', 'c'];

/** A network whose hops counted `perCall` more DATA cells each time they are asked. */
function subject(perCall: number, names: readonly string[] = NAMES): SmokeSubject {
  let calls = 0;
  const { port } = proxy.address() as AddressInfo;
  const hops = (): HopCount[] => {
    calls++;
    return names.map((name) => ({ name, awayFromOrigin: calls * perCall, towardOrigin: calls * perCall }));
  };
  return { proxy: { host: '127.0.0.1', port }, site, hops };
}

function run(what: SmokeSubject): ReturnType<typeof runSmoke> {
  return runSmoke(what, AbortSignal.timeout(20_000));
}

test('right bytes over three busy hops pass', async () => {
  meddle = passOn;
  const report = await run(subject(20_000));
  assert.deepEqual(
    report.hops.map(({ awayFromOrigin }) => awayFromOrigin),
    [20_000, 20_000, 20_000],
  );
  assert.equal(report.bytesUp, 5_000_000);
});

test('a changed byte fails', async () => {
  meddle = (answer, response) => {
    response.writeHead(200, answer.headers);
    answer.on('data', (chunk: Buffer) => {
      chunk[0] = (chunk[0] ?? 0) ^ 1;
      response.write(chunk);
    });
    answer.on('end', () => response.end());
  };
  await assert.rejects(run(subject(20_000)), { code: 'ERR_KIST_SMOKE', message: /other bytes/ });
});

test('an error page fails, with its words', async () => {
  meddle = (answer, response) => {
    answer.resume();
    response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>There is no circuit</h1>');
  };
  await assert.rejects(run(subject(20_000)), { code: 'ERR_KIST_SMOKE', message: /502.*There is no circuit/ });
});

test('a connection that breaks off fails', async () => {
  meddle = (answer, response) => {
    answer.resume();
    response.destroy();
  };
  await assert.rejects(run(subject(20_000)), {
    code: 'ERR_KIST_SMOKE',
    message: /fetch through the proxy failed/,
  });
});

test('hops that carried too little, or are too few, or change, fail', async () => {
  meddle = passOn;
  await assert.rejects(run(subject(100)), {
    code: 'ERR_KIST_SMOKE',
    message: /a carried only 100 DATA cells/,
  });
  await assert.rejects(run(subject(20_000, ['a', 'b'])), { message: /2 hops instead of 3/ });
  let calls = 0;
  const changing = {
    ...subject(20_000),
    hops: () => subject(20_000, calls++ === 0 ? NAMES : ['a', 'b', 'd']).hops(),
  };
  await assert.rejects(run(changing), { message: /changed to a -> b -> d/ });
});
