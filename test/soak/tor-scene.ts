import { join } from 'node:path';
import { TestNetwork } from '../../src/network/testnet/index.js';
import { TorDriver } from '../integration/tor/support-driver.js';
import { authoritiesOf } from '../integration/tor/support-our-relay.js';
import { Child } from './child.js';
import { RelayProcess } from './tor-relay-process.js';

const CLIENTS = 2;
const FLAGS = ['Fast', 'Running', 'Valid'];
const HOST = '127.0.0.1';

/** A client of C tor and the driver that pins its circuits. */
export interface SoakClient {
  readonly socksPort: number;
  readonly driver: TorDriver;
}

/** A private network with a middle and an exit of ours, each in a process of its own, and a web server. */
export class TorScene {
  readonly network: TestNetwork;
  readonly middle: RelayProcess;
  readonly exit: RelayProcess;
  readonly clients: readonly SoakClient[];
  readonly web: Child;
  readonly fingerprints: readonly string[];

  private constructor(parts: {
    network: TestNetwork;
    ours: readonly [RelayProcess, RelayProcess];
    clients: readonly SoakClient[];
    web: Child;
    fingerprints: readonly string[];
  }) {
    ({ network: this.network, clients: this.clients, web: this.web } = parts);
    [this.middle, this.exit] = parts.ours;
    this.fingerprints = parts.fingerprints;
  }

  /** Resolves when the consensus has both of ours and every node knows them. */
  static async start(tell: (text: string) => void): Promise<TorScene> {
    const network = await TestNetwork.start({ clients: CLIENTS });
    try {
      await network.ready();
      tell('the network is up');
      const authorities = authoritiesOf(network);
      const open = (nickname: string, role: 'middle' | 'exit'): Promise<RelayProcess> =>
        RelayProcess.start({
          ...{ nickname, role, authorities, threads: 2 },
          dataDirectory: join(network.folder, nickname),
        });
      const ours = [await open('ourMiddle', 'middle'), await open('ourExit', 'exit')] as const;
      const fingerprints: string[] = [];
      for (const relay of ours) fingerprints.push((await relay.run()).fingerprint);
      for (const [i, fingerprint] of fingerprints.entries()) {
        await network.waitForRelay(fingerprint, i === 0 ? FLAGS : [...FLAGS, 'Exit']);
        await network.waitUntilKnown(fingerprint);
      }
      tell('the consensus lists our relays, every node knows them');
      const clients: SoakClient[] = [];
      for (const { controlPort, socksPort } of network.clients)
        clients.push({ socksPort, driver: await TorDriver.start(controlPort) });
      const web = await Child.start('soak-web.js');
      return new TorScene({ network, ours, clients, web, fingerprints });
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  get ours(): readonly RelayProcess[] {
    return [this.middle, this.exit];
  }

  /** Where streams go. */
  get target(): { host: string; port: number } {
    return { host: HOST, port: this.web.port };
  }

  /** Paths through ours, by fingerprints: as middle, as exit, both, and with ours first. */
  paths(): string[][] {
    const [middle = '', exit = ''] = this.fingerprints;
    const [one = '', two = ''] = this.network.relays.map(({ fingerprint }) => fingerprint);
    const theirs = this.network.exits[0]?.fingerprint ?? '';
    return [
      [one, middle, theirs],
      [two, one, exit],
      [two, middle, exit],
      [middle, two, exit],
    ];
  }

  /** What the nodes of C tor warned of: how often, by text. */
  async warnings(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const [name, text] of Object.entries(await this.network.logs())) {
      for (const [, message = ''] of text.matchAll(/\[(?:warn|err)\] (.*)/g)) {
        const key = `${name.replace(/\d+$/, '')}: ${message.replaceAll(/\d+/g, 'N')}`;
        counts[key] = (counts[key] ?? 0) + 1;
      }
    }
    return counts;
  }

  /** Everything of C tor ends, relays too: they keep circuits of their own. Ours are left alone. */
  async leaveOursAlone(): Promise<void> {
    for (const { driver } of this.clients) await driver.close();
    await Promise.all(this.network.nodes.map(({ process: child }) => child.stop()));
  }

  async close(): Promise<void> {
    for (const { driver } of this.clients) await driver.close();
    for (const relay of this.ours) await relay.close();
    await this.web.kill();
    await this.network.close();
  }
}
