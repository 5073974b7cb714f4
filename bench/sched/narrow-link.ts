import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';

const PREFIX = 'kist-bench';
const RELAY_ADDRESS = '198.18.7.1';
const SINK_ADDRESS = '198.18.8.2';
const ROUTER_ADDRESSES = ['198.18.7.254', '198.18.8.254'] as const;
/** Five packets: tbf must be able to let one go at a time. */
const BURST_BYTES = 7570;

const call = promisify(execFile);

export interface NarrowLinkOptions {
  readonly bitsPerSecond: number;
  /** What the link's queue holds, bytes; what comes when it is full is dropped. */
  readonly queueBytes: number;
  /** The queue is the relay's own device (the kernel's small queues see it) instead of a router's on the way. */
  readonly atRelay?: boolean;
}

/**
 * Relay and sink in network namespaces of their own and between them a link that is narrower than the rest: veth pairs
 * and one tbf, nothing outside the namespaces touched. By default a router stands between them and the queue is its
 * own, as in an uplink beyond the machine: drop-tail, so that the congestion window measures the path. Packets are cut
 * to the segment size before the queue (gso_max_segs), or one of 64 KB would go through as a burst of its own.
 * Needs root. Removed by close(), and at any exit of the process but SIGKILL: what that leaves behind the next one removes.
 */
export class NarrowLink {
  readonly relayHost = RELAY_ADDRESS;
  readonly sinkHost: string;
  /** Commands in front of a program that is to run beside the relay, or at the sink. */
  readonly atRelay: readonly string[];
  readonly atSink: readonly string[];
  readonly #names: readonly string[];
  readonly #onExit = (): void => this.close();
  #isClosed = false;

  private constructor(names: readonly [string, string, string], sinkHost: string) {
    this.#names = names;
    this.sinkHost = sinkHost;
    this.atRelay = ['ip', 'netns', 'exec', names[0]];
    this.atSink = ['ip', 'netns', 'exec', names[1]];
    process.on('exit', this.#onExit);
  }

  /** Throws when this machine does not allow it. */
  static async open(options: NarrowLinkOptions): Promise<NarrowLink> {
    removeLeftovers();
    const id = `${PREFIX}-${process.pid}-${counter++}`;
    const link = new NarrowLink(
      [`${id}-relay`, `${id}-sink`, `${id}-router`],
      options.atRelay === true ? ROUTER_ADDRESSES[0] : SINK_ADDRESS,
    );
    try {
      await link.#build(options);
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    process.removeListener('exit', this.#onExit);
    for (const name of this.#names) removeNamespace(name);
  }

  async #build(options: NarrowLinkOptions): Promise<void> {
    const [relay = '', sink = '', router = ''] = this.#names;
    const [near, far] = ROUTER_ADDRESSES;
    for (const name of options.atRelay === true ? [relay, sink] : [relay, sink, router]) {
      await call('ip', ['netns', 'add', name]);
      await call('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    }
    if (options.atRelay === true) {
      await this.#join([relay, 'out', RELAY_ADDRESS], [sink, 'in', near]);
      return this.#narrow(relay, 'out', options);
    }
    await this.#join([relay, 'out', RELAY_ADDRESS], [router, 'in', near]);
    await this.#join([router, 'out', far], [sink, 'in', SINK_ADDRESS]);
    await call('ip', ['-n', relay, 'route', 'add', 'default', 'via', near]);
    await call('ip', ['-n', sink, 'route', 'add', 'default', 'via', far]);
    await call('ip', ['netns', 'exec', router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    await this.#narrow(router, 'out', options);
  }

  async #join(a: readonly [string, string, string], b: readonly [string, string, string]): Promise<void> {
    await call('ip', ['link', 'add', a[1], 'netns', a[0], 'type', 'veth', 'peer', b[1], 'netns', b[0]]);
    for (const [name, device, address] of [a, b]) {
      await call('ip', ['-n', name, 'addr', 'add', `${address}/24`, 'dev', device]);
      await call('ip', ['-n', name, 'link', 'set', device, 'gso_max_segs', '1', 'up']);
    }
  }

  async #narrow(name: string, device: string, options: NarrowLinkOptions): Promise<void> {
    const { bitsPerSecond, queueBytes } = options;
    const queue = ['tbf', 'rate', `${bitsPerSecond}bit`, 'burst', `${BURST_BYTES}`, 'limit', `${queueBytes}`];
    await call('ip', ['netns', 'exec', name, 'tc', 'qdisc', 'add', 'dev', device, 'root', ...queue]);
  }
}

let counter = 0;

function removeNamespace(name: string): void {
  try {
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  } catch {
    // It was not made, or is gone.
  }
}

/** Namespaces of benches whose process was killed. */
function removeLeftovers(): void {
  let names: string[] = [];
  try {
    names = readdirSync('/run/netns');
  } catch {
    return; // There are none.
  }
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeNamespace(name);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
