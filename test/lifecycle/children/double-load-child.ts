/**
 * The addon loaded three times: by its path, by a link to it, and as a copy. `double-load-child.js ADDON LINK COPY HOW`.
 * One circuit goes over a relay of each.
 */
import { loadBinding } from '../../../src/native/binding.js';
import { DataPlane, Origin, Relay, StaticDiscovery } from '../../../src/index.js';
import { WebServer } from '../../support/web-server.js';

const [addon = '', link = '', copy = '', how = ''] = process.argv.slice(2);
const exit = { allowPrivateTargets: true };
const relays: Relay[] = [];
const planes: DataPlane[] = [];
for (const path of [addon, link, copy]) {
  const plane = new DataPlane({ threads: 2 }, { binding: loadBinding({ KIST_RELAY_ADDON: path }) });
  planes.push(plane);
  relays.push(new Relay({ agentId: planes.length << 16, dataPlane: plane, exit }));
}
const records = await Promise.all(relays.map((relay) => relay.start()));
const [first] = relays as [Relay];
const origin = new Origin({ channels: first.channels, discovery: new StaticDiscovery({ relays: records }) });
const circuit = await origin.buildCircuit(records);
const web = await WebServer.start();
const stream = await circuit.openStream('127.0.0.1', web.port);
stream.write(`GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n`);
let seen = 0;
for await (const chunk of stream) {
  seen += (chunk as Buffer).length;
  if (seen > 1_000_000) break;
}
if (how === 'exit') process.exit(7);
await origin.close();
for (const relay of relays) await relay.stop();
for (const plane of planes) plane.close();
await web.close();
console.log('ok');
