import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { codeOf } from '../../src/util/errors.js';
import type { OriginStream } from '../../src/origin/index.js';
import { reasonNumber, settled } from '../support/fake-native.js';
import type { FakeNative } from '../support/fake-native.js';
import { OriginRig } from '../support/origin-rig.js';
import { CONNECTED } from '../support/relay-rig.js';

interface StreamRig {
  readonly fake: FakeNative;
  readonly stream: OriginStream;
  readonly circuit: number;
  readonly close: () => Promise<void>;
}

async function streamRig(): Promise<StreamRig> {
  const rig = await OriginRig.start();
  const built = await rig.built();
  const opening = built.openStream('example.com', 80);
  rig.rig.fake.emit('relayMessage', rig.lastCircuit, 1, CONNECTED, Buffer.alloc(0));
  const stream = await opening;
  return { fake: rig.rig.fake, stream, circuit: rig.lastCircuit, close: () => rig.close() };
}

function credit(fake: FakeNative): number {
  return fake.args('consumed').reduce((sum, [, , bytes]) => sum + (bytes as number), 0);
}

test('a writer is held up at 256 KiB until the data plane has sent some', async () => {
  const { fake, stream, circuit, close } = await streamRig();
  const written: number[] = [];
  for (let i = 0; i < 6; i++) stream.write(Buffer.alloc(100 * 1024), () => written.push(i));
  await settled();
  assert.equal(fake.count('writeStream'), 3, 'the third one reached the bound');
  assert.deepEqual(written, [0, 1]);
  fake.emit('streamWritten', circuit, 1, 150 * 1024);
  await settled();
  assert.deepEqual(written.slice(0, 3), [0, 1, 2]);
  assert.equal(fake.count('writeStream'), 4, 'what had queued up leaves as one');
  assert.equal((fake.last('writeStream')[2] as Buffer).length, 300 * 1024);
  await close();
});

test('a reader that stops gives no credit back beyond its buffer; reading on does, byte for byte', async () => {
  const { fake, stream, circuit, close } = await streamRig();
  const chunk = Buffer.alloc(32 * 1024, 1);
  for (let i = 0; i < 20; i++) fake.emit('streamData', circuit, 1, 0, chunk);
  await settled();
  assert.ok(credit(fake) <= 96 * 1024, `${credit(fake)} bytes of credit`);
  let read = 0;
  stream.on('data', (bytes: Buffer) => (read += bytes.length));
  await settled();
  await settled();
  assert.equal(read, 20 * chunk.length);
  assert.equal(credit(fake), 20 * chunk.length);
  await close();
});

test('END comes after all bytes, and the other direction stays open until end()', async () => {
  const { fake, stream, circuit, close } = await streamRig();
  for (let i = 0; i < 10; i++) fake.emit('streamData', circuit, 1, 0, Buffer.alloc(32 * 1024));
  fake.emit('streamEnd', circuit, 1);
  let read = 0;
  stream.on('data', (bytes: Buffer) => (read += bytes.length));
  await once(stream, 'end');
  assert.equal(read, 320 * 1024);
  stream.write('still open');
  assert.equal(fake.count('writeStream'), 1);
  assert.equal(fake.count('resetStream'), 0);
  stream.end();
  await once(stream, 'close');
  assert.equal(fake.count('endStream'), 1);
  assert.equal(fake.count('resetStream'), 0, 'what was written may still be on its way');
  fake.emit('streamClosed', circuit, 1, reasonNumber('peer'));
  await close();
});

test('end() sends END and reading goes on', async () => {
  const { fake, stream, circuit, close } = await streamRig();
  stream.end('request');
  await once(stream, 'finish');
  assert.deepEqual(fake.args('endStream'), [[circuit, 1]]);
  fake.emit('streamData', circuit, 1, 0, Buffer.from('answer'));
  const [bytes] = (await once(stream, 'data')) as [Buffer];
  assert.equal(bytes.toString(), 'answer');
  await close();
});

test('destroy() resets once; bytes and END that come afterwards are dropped', async () => {
  const { fake, stream, circuit, close } = await streamRig();
  stream.destroy();
  await once(stream, 'close');
  assert.deepEqual(fake.args('resetStream'), [[circuit, 1]]);
  fake.emit('streamData', circuit, 1, 0, Buffer.alloc(10));
  fake.emit('streamEnd', circuit, 1);
  fake.emit('streamClosed', circuit, 1, reasonNumber('peer'));
  assert.equal(fake.count('resetStream'), 1);
  await close();
});

test('a stream that is cut fails with a code, also a write that was held up', async () => {
  const { fake, stream, circuit, close } = await streamRig();
  const failed = once(stream, 'error');
  stream.write(Buffer.alloc(300 * 1024));
  fake.emit('streamClosed', circuit, 1, reasonNumber('stalled'));
  const [error] = (await failed) as [Error];
  assert.equal(codeOf(error), 'ERR_KIST_STREAM_CLOSED');
  assert.match(error.message, /took nothing/);
  assert.equal(fake.count('resetStream'), 0);
  await close();
});

test('without an error listener a lost circuit does not end the process', async () => {
  const { fake, stream, circuit, close } = await streamRig();
  fake.emit('circuitClosed', circuit, reasonNumber('peer'), 2);
  await new Promise((resolve) => stream.on('close', resolve));
  assert.equal(codeOf(stream.errored), 'ERR_KIST_CIRCUIT_CLOSED');
  await close();
});
