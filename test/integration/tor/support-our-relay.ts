import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExitPolicy } from '../../../src/directory/index.js';
import { KeyDirectory, OnionKeys, RouterIdentity, StateFile } from '../../../src/identity/index.js';
import type { TestNetwork } from '../../../src/network/testnet/index.js';
import { TorRelay } from '../../../src/relay/tor/index.js';
import type { DirectoryAuthority, TorRelayOptions } from '../../../src/relay/tor/index.js';
import { systemClock } from '../../../src/util/clock.js';
import { createLogger } from '../../../src/util/logger.js';
import type { LogLevel } from '../../../src/util/logger.js';

export interface OurRelayOptions {
  readonly network: TestNetwork;
  readonly nickname: string;
  /** An exit accepts streams to loopback; a middle none. */
  readonly role: 'middle' | 'exit';
  /** Keys of an earlier relay; a new folder, removed at the end, when left out. */
  readonly dataDirectory?: string;
  readonly dataPlane?: TorRelayOptions['dataPlane'];
}

/** A relay of ours that runs and was accepted by the authorities. */
export interface OurRelay {
  /** 40 upper case hexadecimal digits. */
  readonly fingerprint: string;
  readonly relay: TorRelay;
  stop(): Promise<void>;
}

/** Why a relay of ours cannot be started; false when it can. */
export const ourRelayMissing: string | false = false;

/** The authorities of a network as our relays name them. */
export function authoritiesOf(network: TestNetwork): DirectoryAuthority[] {
  return network.authorities.map(({ name, dirPort, orPort, fingerprint }) => ({
    nickname: name,
    host: '127.0.0.1',
    dirPort,
    orPort,
    fingerprint,
  }));
}

/** Starts a relay of ours that joins the network. It may still be unknown to the consensus. */
export async function startOurRelay(options: OurRelayOptions): Promise<OurRelay> {
  const { network, nickname, role, dataPlane } = options;
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), `kist-relay-${nickname}-`));
  const directory = KeyDirectory.open({ dataDirectory });
  const clock = systemClock;
  const identity = await RouterIdentity.open({ directory, clock });
  const state = StateFile.open(dataDirectory);
  const onionKeys = await OnionKeys.open({ directory, state, clock });
  const level = (process.env['KIST_RELAY_TEST_LOG'] ?? 'warn') as LogLevel;
  const policy =
    role === 'exit' ? ['accept 127.0.0.0/8:*', 'accept private:*', 'reject *:*'] : ['reject *:*'];
  const relay = new TorRelay({
    identity,
    onionKeys,
    nickname,
    address: '127.0.0.1',
    orPorts: [{ host: '127.0.0.1', port: 0 }],
    exitPolicy: ExitPolicy.parse(policy).policy,
    authorities: authoritiesOf(network),
    isTesting: true,
    logger: createLogger(level),
    ...(dataPlane === undefined ? {} : { dataPlane }),
  });
  await relay.start();
  return {
    fingerprint: relay.fingerprint,
    relay,
    stop: async () => {
      await relay.stop();
      if (options.dataDirectory === undefined) rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}
