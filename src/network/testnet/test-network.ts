import { closedError } from '../../util/errors.js';
import type { KistError } from '../../util/errors.js';
import { CloseStack } from '../close-stack.js';
import type { ConsensusEntries, ConsensusEntry } from './consensus-entries.js';
import { NetworkFolder } from './network-folder.js';
import { planNodes, prepareNode } from './network-plan.js';
import { poll } from './poll.js';
import { readProcessMemory } from './process-memory.js';
import type { ProcessMemory } from './process-memory.js';
import { currentConsensus, explainMissing, findRelay } from './relay-wait.js';
import type { RelayWish } from './relay-wait.js';
import { resolveTestNetworkOptions } from './test-network-options.js';
import type {
  ResolvedTestNetworkOptions,
  TestNetworkOptions,
  TestNetworkProgress,
} from './test-network-options.js';
import type { TestNode, TestNodeKeys, TestNodeRole } from './test-node.js';
import { findTorPrograms } from './tor-programs.js';
import type { TorPrograms } from './tor-programs.js';
import { TorProcess } from './tor-process.js';
import { joiningLines, torrcLines } from './torrc-lines.js';
import type { TorrcSettings } from './torrc-lines.js';

/**
 * Seconds from the start of the processes to the first consensus: they need two to make keys and to upload descriptors,
 * and votes and signatures take four (the least that C tor allows).
 */
const FIRST_CONSENSUS_S = 8;
const READY_TIMEOUT_MS = 120_000;
/** A relay that joins is in the consensus after one or two votes; a busy machine may miss some. */
const WAIT_INTERVALS = 8;

/** What each role is known by in the consensus. Stable is left out: only the upper half by uptime has it. */
const EXPECTED_FLAGS: Readonly<Record<Exclude<TestNodeRole, 'client'>, readonly string[]>> = {
  authority: ['Authority', 'Running', 'V2Dir', 'Valid'],
  relay: ['Fast', 'Guard', 'Running', 'V2Dir', 'Valid'],
  exit: ['Exit', 'Fast', 'Running', 'Valid'],
};

/** The flags by which a node of ours counts as up. */
export function expectedFlags(role: TestNodeRole): readonly string[] {
  return role === 'client' ? [] : EXPECTED_FLAGS[role];
}

/**
 * A private Tor network on loopback, of Debian's tor alone: authorities, relays, exits and clients, each a child process
 * in a temporary folder. Relays of ours join with `joiningLines()`.
 *
 * States: starting (`start()`) -> voting (processes answer, no consensus yet) -> ready (`ready()`: all nodes in the
 * consensus, clients bootstrapped) -> closed (`close()`). Nothing of it outlives this process, even a killed one.
 */
export class TestNetwork {
  readonly #options: ResolvedTestNetworkOptions;
  readonly #stack = new CloseStack();
  #nodes: TestNode[] = [];
  readonly #startedAt: number;
  readonly #onExit = (): void => {
    for (const { process: child } of this.#nodes) child.kill();
  };
  #folder = '';
  #lost: KistError | undefined;
  #isClosed = false;

  private constructor(options: ResolvedTestNetworkOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    process.on('exit', this.#onExit);
    this.#stack.add(() => void process.off('exit', this.#onExit));
  }

  /** Resolves when all processes answer. What fails on the way ends everything that was started. */
  static async start(options: TestNetworkOptions = {}): Promise<TestNetwork> {
    const resolved = resolveTestNetworkOptions(options);
    const { signal } = resolved;
    signal?.throwIfAborted();
    const programs = await findTorPrograms(resolved.path);
    const network = new TestNetwork(resolved);
    try {
      await network.#start(programs);
      signal?.throwIfAborted();
      return network;
    } catch (error) {
      await network.close().catch(() => undefined);
      signal?.throwIfAborted();
      throw error;
    }
  }

  get nodes(): readonly TestNode[] {
    return this.#nodes;
  }

  get authorities(): readonly TestNode[] {
    return this.#withRole('authority');
  }

  get relays(): readonly TestNode[] {
    return this.#withRole('relay');
  }

  get exits(): readonly TestNode[] {
    return this.#withRole('exit');
  }

  get clients(): readonly TestNode[] {
    return this.#withRole('client');
  }

  /** Removed at `close()`; relays that join may keep their data in it. */
  get folder(): string {
    return this.#folder;
  }

  /** torrc lines for a relay that joins: test mode, authorities, address. Its own ports and keys come beside them. */
  joiningLines(): string[] {
    return joiningLines(this.authorities);
  }

  /** Resolves when the consensus lists every node with its flags and every client can build circuits. */
  async ready(timeoutMs = READY_TIMEOUT_MS): Promise<ConsensusEntries> {
    await this.#poll(
      'the first consensus',
      timeoutMs,
      () => this.consensus(),
      () => this.#lastWarnings(),
    );
    this.#tell('consensus', 'consensus', 'the first consensus is there');
    for (const client of this.clients) await client.process.link.ask('SETCONF DisableNetwork=0');
    for (const { role, fingerprint, name } of this.#nodes)
      if (role !== 'client')
        await this.#waitFor(name, { fingerprint, flags: expectedFlags(role) }, timeoutMs);
    for (const client of this.clients) await this.#waitForBootstrap(client, timeoutMs);
    this.#tell('ready', 'network', 'every node is in the consensus, every client is bootstrapped');
    return (await this.consensus()) ?? { validAfter: '', relays: [] };
  }

  /** The newest consensus, or undefined while there is none. */
  consensus(): Promise<ConsensusEntries | undefined> {
    return currentConsensus(this.authorities);
  }

  /** Waits until the consensus lists a relay with all these flags. The error says what is missing, and where. */
  waitForRelay(
    fingerprint: string,
    flags: readonly string[],
    timeoutMs = WAIT_INTERVALS * 1000 * this.#options.votingInterval,
  ): Promise<ConsensusEntry> {
    return this.#waitFor(fingerprint, { fingerprint: fingerprint.toUpperCase(), flags }, timeoutMs);
  }

  /**
   * Waits until every node knows a relay that is in the consensus: clients can then extend to it and exits take streams
   * from it. They fetch a new consensus within an interval.
   */
  async waitUntilKnown(
    fingerprint: string,
    timeoutMs = WAIT_INTERVALS * 1000 * this.#options.votingInterval,
  ): Promise<void> {
    const id = fingerprint.toUpperCase();
    for (const { name, role, process: child } of this.#nodes) {
      const knows = async (key: string): Promise<boolean> =>
        (await child.link.info(`${key}/id/${id}`).catch(() => '')) !== '';
      // A client needs the relay's keys too: from a microdescriptor, or a descriptor when it is told to use those.
      const look = async (): Promise<true | undefined> =>
        (await knows('ns')) && (role !== 'client' || (await knows('md')) || (await knows('desc')))
          ? true
          : undefined;
      const explain = (): Promise<string> => explainMissing(this.authorities, { fingerprint: id, flags: [] });
      await this.#poll(`${id} at ${name}`, timeoutMs, look, explain);
    }
  }

  /**
   * Waits until every client goes by a consensus newer than the one it has now. With its first one a client may hold for
   * seconds that there are no exits, and build circuits by the hundred meanwhile.
   */
  async nextConsensus(timeoutMs = WAIT_INTERVALS * 1000 * this.#options.votingInterval): Promise<void> {
    for (const { name, process: child } of this.clients) {
      const ask = (): Promise<string> => child.link.info('consensus/valid-after');
      const first = await ask();
      const look = async (): Promise<true | undefined> => ((await ask()) === first ? undefined : true);
      await this.#poll(`a newer consensus at ${name}`, timeoutMs, look, () => this.#lastWarnings());
    }
  }

  /** Everything each node logged so far, by name. */
  async logs(): Promise<Record<string, string>> {
    const texts = await Promise.all(this.#nodes.map(({ process: child }) => child.log()));
    return Object.fromEntries(this.#nodes.map(({ name }, index) => [name, texts[index] ?? '']));
  }

  /** Memory of each running node, by name. */
  async memory(): Promise<Record<string, ProcessMemory>> {
    const found: Record<string, ProcessMemory> = {};
    for (const { name, process: child } of this.#nodes) {
      const memory = await readProcessMemory(child.pid);
      if (memory !== undefined) found[name] = memory;
    }
    return found;
  }

  /** Ends every process and removes the folder. Idempotent. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#stack.close();
  }

  async #start(programs: TorPrograms): Promise<void> {
    const folder = await NetworkFolder.create();
    this.#stack.add(() => folder.remove());
    this.#folder = folder.path;
    const plans = await planNodes(folder.path, this.#options);
    const keyed = await Promise.all(plans.map((plan) => prepareNode(plan, programs)));
    this.#tell('keys', 'keys', `keys of ${keyed.length} nodes are made in ${folder.path}`);
    this.#options.signal?.throwIfAborted();
    const guards = keyed.filter(({ role }) => role === 'relay').map(({ fingerprint }) => fingerprint);
    const { clock, firstVotingInterval } = this.#options;
    const votingOffset =
      (Math.floor(clock.date().getTime() / 1000) + FIRST_CONSENSUS_S) % firstVotingInterval;
    const options = { ...this.#options, guards: [...guards, ...this.#options.guards], votingOffset };
    const started = await Promise.allSettled(
      keyed.map((node) => this.#startNode(node, keyed, options, programs.tor)),
    );
    const failed = started.find((result) => result.status === 'rejected');
    // Closes before what was added earlier, so that all end side by side; the folder goes last.
    this.#stack.add(async () => void (await Promise.all(this.#nodes.map((node) => node.process.stop()))));
    if (failed !== undefined) throw failed.reason;
    const place = new Map(keyed.map(({ name }, index) => [name, index]));
    this.#nodes = this.#nodes.toSorted((a, b) => (place.get(a.name) ?? 0) - (place.get(b.name) ?? 0));
  }

  async #startNode(
    node: TestNodeKeys,
    all: readonly TestNodeKeys[],
    options: TorrcSettings,
    tor: string,
  ): Promise<void> {
    const authorities = all.filter(({ role }) => role === 'authority');
    const child = await TorProcess.start({
      name: node.name,
      tor,
      folder: node.folder,
      torrc: torrcLines(node, authorities, options),
      clock: options.clock,
      onLost: (error) => {
        this.#lost ??= error;
        this.#tell('lost', node.name, error.message);
      },
    });
    this.#nodes.push({ ...node, process: child });
    this.#stack.add(() => child.stop());
    const ports = [node.orPort, node.dirPort, node.socksPort, node.controlPort].filter((port) => port > 0);
    this.#tell(node.role, node.name, `${node.name} is up on ${ports.join(', ')} (process ${child.pid})`);
  }

  async #waitFor(name: string, wish: RelayWish, timeoutMs: number): Promise<ConsensusEntry> {
    const what = `${name} in the consensus with ${wish.flags.join(' ')}`;
    const explain = (): Promise<string> => explainMissing(this.authorities, wish);
    const look = async (): Promise<ConsensusEntry | undefined> => findRelay(await this.consensus(), wish);
    return await this.#poll(what, timeoutMs, look, explain);
  }

  async #waitForBootstrap(client: TestNode, timeoutMs: number): Promise<void> {
    const phase = (): Promise<string> => client.process.link.info('status/bootstrap-phase');
    const look = async (): Promise<true | undefined> =>
      (await phase()).includes('TAG=done') ? true : undefined;
    await this.#poll(`the bootstrap of ${client.name}`, timeoutMs, look, phase);
    this.#tell('bootstrapped', client.name, `${client.name} is bootstrapped`);
  }

  /** A node that is lost, a close or an abort ends the wait. */
  #poll<T>(
    what: string,
    timeoutMs: number,
    look: () => Promise<T | undefined>,
    explain: () => Promise<string>,
  ): Promise<T> {
    const { clock, signal } = this.#options;
    const guardedLook = async (): Promise<T | undefined> => {
      if (this.#isClosed) throw closedError('the network');
      signal?.throwIfAborted();
      if (this.#lost !== undefined) throw this.#lost;
      return await look();
    };
    return poll({ what, timeoutMs, clock, look: guardedLook, explain });
  }

  async #lastWarnings(): Promise<string> {
    const logs = Object.entries(await this.logs());
    const warnings = logs.flatMap(([name, text]) => {
      const lines = text.split('\n').filter((line) => /\[(warn|err)\]/.test(line));
      return lines.slice(-3).map((line) => `${name}: ${line}`);
    });
    return warnings.length === 0 ? 'no node logged a warning' : `\n${warnings.join('\n')}`;
  }

  #withRole(wanted: TestNodeRole): TestNode[] {
    return this.#nodes.filter(({ role }) => role === wanted);
  }

  #tell(part: TestNetworkProgress['part'], name: string, text: string): void {
    const seconds = (this.#options.clock.now() - this.#startedAt) / 1000;
    this.#options.onProgress({ part, name, seconds, text });
  }
}
