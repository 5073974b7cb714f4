/**
 * A network with traffic in the main thread and in two workers, each with a data plane of its own; then one of them
 * goes, as told: `workers-child.js HOW`. The main thread says `ok` when its own traffic went on all the same.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { startWorkerTraffic } from './worker-traffic.js';

const path = fileURLToPath(import.meta.url);
const MORE = 1_000_000;

async function inWorker(): Promise<void> {
  const traffic = await startWorkerTraffic();
  parentPort?.postMessage('up');
  const [how] = (await once(parentPort as NonNullable<typeof parentPort>, 'message')) as [string];
  if (how === 'worker-exit') process.exit(5);
  if (how === 'worker-throw') throw new Error('thrown on purpose');
  await traffic.stop();
}

async function startWorker(): Promise<Worker> {
  const worker = new Worker(path, { workerData: 'traffic' });
  await once(worker, 'message');
  return worker;
}

async function more(bytes: () => number): Promise<void> {
  const wanted = bytes() + MORE;
  while (bytes() < wanted) await new Promise((resolve) => setImmediate(resolve));
}

async function inMain(how: string): Promise<void> {
  const [traffic, ...workers] = await Promise.all([startWorkerTraffic(), startWorker(), startWorker()]);
  if (how === 'exit') process.exit(7);
  const exits = workers.map(async (worker) => {
    worker.on('error', () => undefined);
    const exited = new Promise<number>((resolve) => void worker.once('exit', resolve));
    if (how === 'terminate') await worker.terminate();
    else worker.postMessage(how);
    return await exited;
  });
  const codes = await Promise.all(exits);
  await more(traffic.bytes);
  await traffic.stop();
  console.log(`ok ${codes.join(' ')}`);
}

if (isMainThread) await inMain(process.argv[2] ?? '');
else if (workerData === 'traffic') await inWorker();
