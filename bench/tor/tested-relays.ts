import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataPlaneOptions } from '../../src/index.js';
import { pickFreePorts } from '../../src/network/testnet/free-ports.js';
import { makeRelayIdentity } from '../../src/network/testnet/node-keys.js';
import { TorProcess } from '../../src/network/testnet/tor-process.js';
import { findTorPrograms } from '../../src/network/testnet/index.js';
import type { TestNetwork } from '../../src/network/testnet/index.js';
import { systemClock } from '../../src/util/clock.js';
import type { ChildSet } from '../support/child-set.js';
import type { Tested, TorRelayChildOptions } from './scene-messages.js';

const HOST = '127.0.0.1';

/** A relay under test, in a process of its own. */
export interface TestedRelay {
  readonly pid: number;
  readonly port: number;
  readonly fingerprint: string;
  end(): Promise<void>;
}

export interface TestedRelayInit {
  readonly network: TestNetwork;
  readonly children: ChildSet;
  readonly kind: Tested;
  /** Its nickname and the name of its folder. */
  readonly name: string;
  /** False: it tells no authority of itself, and no circuit comes to it. */
  readonly publishes: boolean;
}

const DATA_PLANES: Readonly<Record<'ours' | 'oursDefault', DataPlaneOptions>> = {
  ours: { scheduler: { runIntervalMs: 3 } },
  oursDefault: {},
};

async function startOurs(init: TestedRelayInit, kind: 'ours' | 'oursDefault'): Promise<TestedRelay> {
  const { network, children, name, publishes } = init;
  const authorities = network.authorities.map(({ name: nickname, dirPort, orPort, fingerprint }) => ({
    nickname,
    host: HOST,
    dirPort,
    orPort,
    fingerprint,
  }));
  const options: TorRelayChildOptions = {
    nickname: name,
    dataDirectory: join(network.folder, name),
    authorities: publishes ? authorities : [],
    publishes,
    dataPlane: DATA_PLANES[kind],
  };
  const script = join(import.meta.dirname, 'tor-relay-child.js');
  const child = children.start(process.execPath, [script, JSON.stringify(options)]);
  const { port, fingerprint } = await child.next('listening');
  return { pid: child.pid, port: Number(port), fingerprint: String(fingerprint), end: () => child.end() };
}

/** Half of the memory of C tor's relays goes into caching directories, which is no part of relaying: that is off. */
function torrcLines(init: TestedRelayInit, folder: string, port: number): string[] {
  return [
    ...init.network.joiningLines(),
    `Nickname ${init.name}`,
    `DataDirectory ${folder}/data`,
    `ORPort ${HOST}:${port}`,
    `PublishServerDescriptor ${init.publishes ? 1 : 0}`,
    `Schedulers ${init.kind === 'ctorVanilla' ? 'Vanilla' : 'KIST'}`,
    'SocksPort 0',
    'DirCache 0',
    'ExitRelay 0',
    'ExitPolicy reject *:*',
    'ShutdownWaitLength 0',
    'AvoidDiskWrites 1',
    'Log notice stdout',
    // Test mode turns statistics of every cell on.
    'TestingEnableCellStatsEvent 0',
    'TestingEnableConnBwEvent 0',
    'DirReqStatistics 0',
    'HiddenServiceStatistics 0',
  ];
}

async function startCtor(init: TestedRelayInit): Promise<TestedRelay> {
  const folder = join(init.network.folder, init.name);
  await mkdir(join(folder, 'data'), { recursive: true, mode: 0o700 });
  const fingerprint = await makeRelayIdentity(join(folder, 'data'));
  const [port = 0] = await pickFreePorts(HOST, 1);
  const { tor } = await findTorPrograms();
  const child = await TorProcess.start({
    name: init.name,
    tor,
    folder,
    torrc: torrcLines(init, folder, port),
    clock: systemClock,
    onLost: (error) => void process.stderr.write(`${error.message}\n`),
  });
  return { pid: child.pid, port, fingerprint, end: () => child.stop() };
}

export function startTested(init: TestedRelayInit): Promise<TestedRelay> {
  const { kind } = init;
  return kind === 'ours' || kind === 'oursDefault' ? startOurs(init, kind) : startCtor(init);
}
