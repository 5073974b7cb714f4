import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RegistrationPage, RegistrationService } from '../../src/registration/index.js';
import { ManualClock } from '../../src/util/clock.js';
import { RawAgent } from './registration-support.js';

async function setUp(t: TestContext): Promise<{ url: string; port: number; clock: ManualClock }> {
  const clock = new ManualClock();
  const service = await RegistrationService.start({ port: 0, clock });
  const page = await RegistrationPage.start(service, { port: 0 });
  const agent = await RawAgent.open();
  t.after(() => Promise.all([service.close(), page.close(), agent.close()]));
  const name = '<script>alert("1")</script>';
  const message = {
    command: 'register',
    sequence: 0,
    ip: '10.1.2.3',
    port: 4567,
    data: 0x00390001,
    name,
  } as const;
  await agent.ask(message, service.address().port);
  clock.advance(75_000);
  const { address, port } = page.address();
  return { url: `http://${address}:${port}`, port, clock };
}

test('the page lists name, agent ID, address, port, age and end, with names escaped', async (t) => {
  const { url } = await setUp(t);
  const response = await fetch(url);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const html = await response.text();
  assert.ok(!html.includes('<script'));
  assert.ok(html.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;'));
  for (const text of ['3735553', '10.1.2.3', '4567', '1 min 15 s', '3 min 45 s', 'http-equiv="refresh"']) {
    assert.ok(html.includes(text), text);
  }
});

test('the log page shows the datagram as hex and parsed, escaped', async (t) => {
  const { url } = await setUp(t);
  const html = await (await fetch(`${url}/log?x=1`)).text();
  assert.ok(html.includes('c46100010a01020311d700390001'));
  assert.ok(html.includes('register seq=0 10.1.2.3:4567 data=3735553'));
  assert.ok(!html.includes('<script'));
});

test('the JSON says the same', async (t) => {
  const { url } = await setUp(t);
  const response = await fetch(`${url}/registrations.json`);
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.deepEqual(await response.json(), {
    lifetimeSeconds: 300,
    registrations: [
      {
        name: '<script>alert("1")</script>',
        agentId: 0x00390001,
        address: '10.1.2.3',
        port: 4567,
        ageSeconds: 75,
        expiresInSeconds: 225,
      },
    ],
  });
});

test('HEAD has the headers alone, other methods and paths are refused', async (t) => {
  const { url } = await setUp(t);
  const head = await fetch(url, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.ok(Number(head.headers.get('content-length')) > 500);
  assert.equal(await head.text(), '');
  const post = await fetch(url, { method: 'POST', body: 'x' });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get('allow'), 'GET, HEAD');
  assert.equal((await fetch(`${url}/etc/passwd`)).status, 404);
});

async function answerTo(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

test('no HTTP and endless headers are answered with an error and closed', async (t) => {
  const { port, url } = await setUp(t);
  assert.match(await answerTo(port, '\0\x01 nonsense\r\n\r\n'), /^HTTP\/1.1 400 /);
  assert.match(await answerTo(port, `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`), /^HTTP\/1.1 4\d\d /);
  assert.equal((await fetch(url)).status, 200);
});

test('a port in use and wrong options are errors that name them', async (t) => {
  const { port } = await setUp(t);
  const service = await RegistrationService.start({ port: 0 });
  t.after(() => service.close());
  const message = new RegExp(`cannot listen on 127.0.0.1:${port}`);
  await assert.rejects(RegistrationPage.start(service, { port }), { code: 'ERR_KIST_BIND', message });
  await assert.rejects(RegistrationPage.start(service, { port: -1 }), {
    name: 'TypeError',
    message: /^port must/,
  });
  await assert.rejects(RegistrationPage.start(service, { bind: 'x' }), {
    name: 'TypeError',
    message: /^bind must/,
  });
});

test('nothing keeps a process alive after close', async () => {
  const registration = new URL('../../src/registration/index.js', import.meta.url).href;
  const discovery = new URL('../../src/discovery/index.js', import.meta.url).href;
  const script = `
    import { RegistrationPage, RegistrationService } from ${JSON.stringify(registration)};
    import { RegistrationClient } from ${JSON.stringify(discovery)};
    const service = await RegistrationService.start({ port: 0 });
    const page = await RegistrationPage.start(service, { port: 0 });
    const client = await RegistrationClient.open({ host: '127.0.0.1', port: service.address().port });
    await client.register({ name: 'a', host: '127.0.0.1', port: 4000, agentId: 1 });
    await fetch('http://127.0.0.1:' + page.address().port);
    await client.close();
    console.log('left', service.registrations().length);
    await page.close();
    await service.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { timeout: 30_000 });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.deepEqual({ code, signal, output }, { code: 0, signal: null, output: 'left 0\n' });
});
