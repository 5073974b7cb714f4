import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { EmbeddedNetwork } from '../../../src/network/index.js';
import { bytesOf, WebServer } from '../../support/web-server.js';

const ENDLESS = 10 ** 12;
const UNDER_WAY = 200_000;

/** A network in this process with bytes going both ways, without an end of their own. */
export interface Traffic {
  network: EmbeddedNetwork;
  web: WebServer;
  /** Bytes that came so far. */
  readonly bytes: () => number;
  stop(): Promise<void>;
}

function request(port: number, url: string, method: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path: url, method, agent: false });
    sent.on('response', resolve);
    sent.on('error', reject);
    if (method === 'GET') return void sent.end();
    const more = (): void => {
      while (!sent.destroyed && sent.write(bytesOf(0, 65_536))) continue;
    };
    sent.on('drain', more);
    more();
  });
}

/** Resolves when every download has bytes and thousands of cells are under way. `onData` hears of each piece. */
export async function startTraffic(
  options: { threads?: number; onData?: () => void } = {},
): Promise<Traffic> {
  const web = await WebServer.start();
  const { threads = 2, onData } = options;
  const network = await EmbeddedNetwork.start({ relays: 3, proxyPort: 0, dataPlane: { threads } });
  let bytes = 0;
  let isStopping = false;
  const survive = (error: unknown): void => {
    if (isStopping) return;
    const { origin, dataPlane } = network.stats();
    const { channelsClosed, circuitsClosed, streamsClosed } = dataPlane;
    const seen = JSON.stringify({ origin, channelsClosed, circuitsClosed, streamsClosed });
    throw new Error(`the traffic was cut: ${seen}`, { cause: error });
  };
  const flow = async (method: string, path: string): Promise<void> => {
    const answer = await request(network.proxy.port, `${web.origin}${path}`, method);
    answer.on('error', survive);
    await new Promise<void>((resolve) => {
      let seen = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        seen += chunk.length;
        onData?.();
        if (seen >= UNDER_WAY) resolve();
      });
    });
  };
  await Promise.all([
    flow('GET', `/bytes/${ENDLESS}`),
    flow('GET', `/bytes/${ENDLESS}`),
    flow('POST', '/echo'),
  ]);
  const stop = async (): Promise<void> => {
    isStopping = true;
    await network.stop();
    await web.close();
  };
  return { network, web, bytes: () => bytes, stop };
}
