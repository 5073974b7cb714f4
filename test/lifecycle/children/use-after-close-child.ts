/** Prints what each call on a closed data plane answers, one a line. */
import { DataPlane } from '../../../src/index.js';
import { codeOf, messageOf } from '../../../src/util/errors.js';

const plane = new DataPlane({ threads: 2 });
const nobody = { onAccepted: () => undefined, onListenerFailed: () => undefined };
const waiting = { onConnected: () => undefined, onConnectFailed: () => undefined };
const endpoint = { dialect: 'tor61', transport: 'tcp', host: '127.0.0.1', port: 0, owner: plane.addOwner() };
const listening = plane.listen(endpoint, nobody);
const calls: Record<string, () => unknown> = {
  addOwner: () => plane.addOwner(),
  listen: () => plane.listen(endpoint, nobody),
  connect: () => plane.connect({ ...endpoint, port: 1 }, 1000, waiting),
  configureScheduler: () => plane.configureScheduler({ runIntervalMs: 5 }),
  stats: () => plane.stats(),
  ownerStats: () => plane.ownerStats(1),
  step: () => plane.step(1),
  nextWake: () => plane.nextWake(),
};
plane.close();
plane.close();
listening.close();
for (const [name, call] of Object.entries(calls)) {
  try {
    call();
    console.log(`${name}: answered`);
  } catch (error) {
    console.log(`${name}: ${codeOf(error) ?? 'no code'}: ${messageOf(error)}`);
  }
}
