/** A relay in a process of its own, for tests that take its descriptors away. Prints its port, ends with its input. */
import { Relay } from '../../../src/relay/index.js';

const relay = new Relay({
  agentId: 0x00570001,
  dataPlane: { threads: Number(process.argv[2] ?? 1) },
  exit: { allowPrivateTargets: true },
});
const { port } = await relay.start();
console.log(port);
process.stdin.on('end', () => void relay.stop()).resume();
