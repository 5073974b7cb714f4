/**
 * One Tor relay of ours alone in its process, as the bench measures it: `node tor-relay-child.js OPTIONS` with
 * TorRelayChildOptions as JSON. Says {event: 'listening', port, fingerprint}; ends with its input.
 */
import { mkdirSync } from 'node:fs';
import { KeyDirectory, OnionKeys, RouterIdentity, StateFile } from '../../src/identity/index.js';
import { TorRelay } from '../../src/relay/tor/index.js';
import { systemClock } from '../../src/util/clock.js';
import { createLogger } from '../../src/util/logger.js';
import type { TorRelayChildOptions } from './scene-messages.js';

const HOST = '127.0.0.1';
const options = JSON.parse(process.argv[2] ?? '{}') as TorRelayChildOptions;
const { nickname, dataDirectory, authorities, publishes, dataPlane } = options;
mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
const clock = systemClock;
const directory = KeyDirectory.open({ dataDirectory });
const identity = await RouterIdentity.open({ directory, clock });
const onionKeys = await OnionKeys.open({ directory, state: StateFile.open(dataDirectory), clock });
const relay = new TorRelay({
  identity,
  onionKeys,
  nickname,
  authorities,
  publishes,
  dataPlane,
  address: HOST,
  orPorts: [{ host: HOST, port: 0 }],
  isTesting: true,
  logger: createLogger('warn'),
});
await relay.start();
const listening = { event: 'listening', port: relay.orPort, fingerprint: relay.fingerprint };
process.stdout.write(`${JSON.stringify(listening)}\n`);
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
await relay.stop();
process.exit(0);
