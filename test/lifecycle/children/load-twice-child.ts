/** The module that loads the addon, imported twice under two queries: two module instances, one addon, one circuit. */
import { DataPlane, Origin, Relay, StaticDiscovery } from '../../../src/index.js';
import type { NativeBinding } from '../../../src/native/binding-types.js';
import { WebServer } from '../../support/web-server.js';

interface Loader {
  loadBinding(): NativeBinding;
}

const module = new URL('../../../src/native/binding.js', import.meta.url).href;
const loaders = (await Promise.all([import(`${module}?first`), import(`${module}?second`)])) as Loader[];
if (loaders[0] === loaders[1]) throw new Error('the queries name one module instance');
const exit = { allowPrivateTargets: true };
const planes = loaders.map((loader) => new DataPlane({ threads: 1 }, { binding: loader.loadBinding() }));
const relays = planes.map((dataPlane, index) => new Relay({ agentId: (index + 1) << 16, dataPlane, exit }));
const records = await Promise.all(relays.map((relay) => relay.start()));
const [first] = relays as [Relay];
const origin = new Origin({ channels: first.channels, discovery: new StaticDiscovery({ relays: records }) });
const circuit = await origin.buildCircuit(records);
const web = await WebServer.start();
const stream = await circuit.openStream('127.0.0.1', web.port);
stream.write('GET /bytes/100000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
let seen = 0;
for await (const chunk of stream) seen += (chunk as Buffer).length;
if (seen < 100_000) throw new Error(`only ${seen} bytes came`);
await origin.close();
for (const relay of relays) await relay.stop();
for (const plane of planes) plane.close();
await web.close();
console.log('ok');
