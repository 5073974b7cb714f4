/**
 * One relay alone in its process, as benches measure it: `node relay-child.js OPTIONS` with RelayChildOptions as JSON.
 * Says {event: 'listening', port, agent}; on `report` its counters and the CPU time of the whole process; ends with its
 * input or `quit`.
 */
import { createInterface } from 'node:readline';
import { Relay } from '../../src/index.js';
import type { RelayChildOptions } from './relay-process.js';

function say(event: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

function report(relay: Relay): void {
  const stats = relay.stats();
  const { user, system } = process.cpuUsage();
  say('report', { nowNs: Number(process.hrtime.bigint()), cpuNs: (user + system) * 1000, stats });
}

const options = JSON.parse(process.argv[2] ?? '{}') as RelayChildOptions;
const relay = new Relay({
  agentId: options.agentId,
  host: options.host,
  dataPlane: options.dataPlane,
  socket: options.socket,
  exit: { allowPrivateTargets: true },
});
const record = await relay.start();
say('listening', { port: record.port, agent: record.agentId });
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'report') report(relay);
  if (line === 'quit') break;
}
await relay.stop();
process.exit(0);
