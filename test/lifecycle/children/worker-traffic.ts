import { bytesOf } from '../../support/web-bytes.js';
import { RelayNetwork } from '../../support/relay-network.js';

const UNDER_WAY = 200_000;
const STREAMS = 3;

export interface WorkerTraffic {
  readonly bytes: () => number;
  stop(): Promise<void>;
}

/**
 * Relays on one data plane with bytes going both ways through a circuit of three. No HTTP: Node's own parser cannot
 * bear that its worker is terminated while it hands out a body.
 */
export async function startWorkerTraffic(): Promise<WorkerTraffic> {
  const network = await RelayNetwork.start(3, { threads: 2 });
  const port = await network.server((socket) => void socket.pipe(socket));
  const origin = network.origin();
  origin.start();
  let bytes = 0;
  let isStopping = false;
  const flow = async (): Promise<void> => {
    const stream = await origin.connect({ host: '127.0.0.1', port });
    stream.on('error', (error) => {
      if (!isStopping) throw error;
    });
    const more = (): void => {
      while (!stream.destroyed && stream.write(bytesOf(0, 65_536))) continue;
    };
    stream.on('drain', more);
    more();
    await new Promise<void>((resolve) => {
      let seen = 0;
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        seen += chunk.length;
        if (seen >= UNDER_WAY) resolve();
      });
    });
  };
  await Promise.all(Array.from({ length: STREAMS }, flow));
  const stop = async (): Promise<void> => {
    isStopping = true;
    await network.close();
  };
  return { bytes: () => bytes, stop };
}
