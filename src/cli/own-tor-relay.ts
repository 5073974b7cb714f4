import { ExitPolicy } from '../directory/exit-policy.js';
import { KeyDirectory, OnionKeys, RouterIdentity, StateFile } from '../identity/index.js';
import { TorRelay } from '../relay/tor/index.js';
import { systemClock } from '../util/clock.js';
import type { OwnRelay, OwnRelayInit } from './testnet-command.js';

const LOOPBACK = '127.0.0.1';
/** What an exit of a test network lets out: to this machine and private networks. */
const EXIT_POLICY = ['accept 127.0.0.0/8:*', 'accept private:*', 'reject *:*'];

/** Starts a relay of ours that joins a test network, with keys in the network's folder. */
export async function startOwnTorRelay(init: OwnRelayInit): Promise<OwnRelay> {
  const { network, nickname, role, folder, context } = init;
  const clock = systemClock;
  const directory = KeyDirectory.open({ dataDirectory: folder });
  const identity = await RouterIdentity.open({ directory, clock });
  const onionKeys = await OnionKeys.open({ directory, state: StateFile.open(folder), clock });
  const relay = new TorRelay({
    identity,
    onionKeys,
    nickname,
    address: LOOPBACK,
    orPorts: [{ host: LOOPBACK, port: 0 }],
    exitPolicy: role === 'exit' ? ExitPolicy.parse(EXIT_POLICY).policy : ExitPolicy.rejectAll(),
    authorities: network.authorities.map(({ name, dirPort, orPort, fingerprint, v3Identity }) => {
      return { nickname: name, host: LOOPBACK, dirPort, orPort, fingerprint, v3Identity };
    }),
    isTesting: true,
    clock,
    logger: context.logger,
  });
  await relay.start();
  const { fingerprint, orPort: port } = relay;
  return { nickname, fingerprint, port, close: () => relay.stop() };
}
