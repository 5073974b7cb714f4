/**
 * A relay in a process of its own, to be killed and started again: `soak-peer.js AGENT_ID REGISTRATION_PORT`. Prints its
 * port; ends without a word to anybody with its standard input.
 */
import { RegistrationDiscovery, Relay } from '../../src/index.js';

const [agentId, registrationPort] = process.argv.slice(2).map(Number);
if (agentId === undefined || registrationPort === undefined) throw new TypeError('two numbers are needed');

process.stdin.resume();
process.stdin.once('end', () => process.exit());
const discovery = await RegistrationDiscovery.open({ host: '127.0.0.1', port: registrationPort });
const relay = new Relay({ agentId, discovery, exit: { allowPrivateTargets: true } });
const record = await relay.start();
console.log(record.port);
