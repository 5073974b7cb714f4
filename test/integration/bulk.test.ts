import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { EmbeddedNetwork } from '../../src/network/index.js';
import { bytesOf } from '../support/web-bytes.js';
import { WebServer } from '../support/web-server.js';

const BULK = 200_000_000;
const CHUNK = bytesOf(4711, 1_000_000);

/** The path's answer through the proxy: status, and size and SHA-256 of what came. */
function fetchThrough(
  proxyPort: number,
  url: string,
): Promise<{ status: number; size: number; hash: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port: proxyPort, path: url, agent: false }, (response) => {
      const hash = createHash('sha256');
      let size = 0;
      response.on('data', (bytes: Buffer) => {
        hash.update(bytes);
        size += bytes.length;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, size, hash: hash.digest('hex') }));
    });
    request.on('error', reject);
  });
}

/** Posts `chunks` times CHUNK; resolves with the server's answer. */
function uploadThrough(proxyPort: number, url: string, chunks: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-length': chunks * CHUNK.length };
    const request = http.request(
      { method: 'POST', host: '127.0.0.1', port: proxyPort, path: url, agent: false, headers },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () => resolve(text));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    let left = chunks;
    const push = (): void => {
      while (left-- > 0) {
        if (!request.write(CHUNK)) return void request.once('drain', push);
      }
      request.end();
    };
    push();
  });
}

function hashOfChunks(chunks: number): string {
  const hash = createHash('sha256');
  for (let i = 0; i < chunks; i++) hash.update(CHUNK);
  return hash.digest('hex');
}

for (const { relays, threads } of [
  { relays: 5, threads: 1 },
  { relays: 5, threads: 2 },
  { relays: 1, threads: 1 },
]) {
  describe(`bulk through ${relays} relays on ${threads} reactors`, () => {
    let web: WebServer;
    let network: EmbeddedNetwork;

    before(async () => {
      web = await WebServer.start();
      network = await EmbeddedNetwork.start({ relays, proxyPort: 0, dataPlane: { threads } });
    });
    after(async () => {
      await network.stop();
      await web.close();
    });

    it('downloads 200 MB byte for byte', async () => {
      const [answer, direct] = await Promise.all([
        fetchThrough(network.proxy.port, `${web.origin}/bytes/${BULK}`),
        fetchThrough(web.port, `/bytes/${BULK}`),
      ]);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer, direct);
      assert.equal(answer.size, BULK);
    });

    it('uploads 200 MB byte for byte', async () => {
      const chunks = BULK / CHUNK.length;
      const text = await uploadThrough(network.proxy.port, `${web.origin}/sha256`, chunks);
      assert.match(text, new RegExp(hashOfChunks(chunks)));
      assert.match(text, new RegExp(String(BULK)));
    });

    it('serves 100 fetches at once', async () => {
      const size = 123_457;
      const direct = await fetchThrough(web.port, `/bytes/${size}`);
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => fetchThrough(network.proxy.port, `${web.origin}/bytes/${size}`)),
      );
      for (const answer of answers) assert.deepEqual(answer, direct);
    });

    it('lets others through while one reader stalls', async () => {
      const stalled = http.get({
        host: '127.0.0.1',
        port: network.proxy.port,
        path: `${web.origin}/bytes/900000`,
        agent: false,
      });
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        stalled.once('response', resolve);
        stalled.once('error', reject);
      });
      response.pause();
      const answer = await fetchThrough(network.proxy.port, `${web.origin}/bytes/300000`);
      assert.equal(answer.size, 300_000);
      stalled.destroy();
    });
  });
}
