import type { TorrcNotice } from './assign.js';
import { parseAddress, parseAddressPort, parsePort, showAddress } from './address-port.js';
import type { LiteralAddress } from './address-port.js';
import { TorrcError } from './torrc-error.js';
import type { ListLine } from './torrc-values.js';

/** One address and port of the relay's own. Every ORPort line without an address makes two: IPv4 and IPv6. */
export interface OrPort extends LiteralAddress {
  /** `auto`: any free one. */
  readonly port: number | 'auto';
  /** Whether the address was written. If not, it stands for every one of the family. */
  readonly isExplicit: boolean;
  /** False (NoListen): only advertised. */
  readonly listens: boolean;
  /** False (NoAdvertise): only listened on. */
  readonly advertises: boolean;
}

interface Flags {
  readonly noListen: boolean;
  readonly noAdvertise: boolean;
  readonly only: 4 | 6 | undefined;
}

const FLAGS = ['nolisten', 'noadvertise', 'ipv4only', 'ipv6only'];
const ANY = [
  { address: '0.0.0.0', family: 4 },
  { address: '::', family: 6 },
] as const;

function parseFlags(words: readonly string[], { text, position }: ListLine, notices: TorrcNotice[]): Flags {
  const given = new Set(words.map((word) => word.toLowerCase()));
  for (const word of words) {
    if (!FLAGS.includes(word.toLowerCase()))
      notices.push({ level: 'warn', text: `Unrecognized ORPort option '"${word}"'` });
  }
  const noListen = given.has('nolisten');
  const noAdvertise = given.has('noadvertise');
  const four = given.has('ipv4only');
  const six = given.has('ipv6only');
  const refuse = (both: string): never => {
    throw new TorrcError(`Tried to set both ${both} on ORPort line '${text}'`, position);
  };
  if (noListen && noAdvertise) refuse('NoListen and NoAdvertise');
  if (four && six) refuse('IPv4Only and IPv6Only');
  return { noListen, noAdvertise, only: four ? 4 : six ? 6 : undefined };
}

interface Target {
  readonly port: number | 'auto';
  readonly addresses: readonly LiteralAddress[];
  readonly isExplicit: boolean;
}

function parseTarget(written: string, { position }: ListLine): Target {
  const refuse = (reason: string): never => {
    throw new TorrcError(reason, position);
  };
  if (written.toLowerCase().startsWith('unix:')) refuse('ORPort does not support unix sockets');
  if (written.toLowerCase() === 'auto') return { port: 'auto', addresses: ANY, isExplicit: false };
  const auto = /^(.*):auto$/i.exec(written);
  const autoAddress = auto === null ? undefined : parseAddress(auto[1] ?? '');
  if (auto !== null) {
    if (autoAddress === undefined) return refuse(`Invalid address '"${written}"' for ORPort`);
    return { port: 'auto', addresses: [autoAddress], isExplicit: true };
  }
  const bare = parsePort(written);
  if (bare !== undefined) return { port: bare, addresses: ANY, isExplicit: false };
  const both = parseAddressPort(written);
  if (both === undefined) return refuse(`Couldn't parse address "${written}" for ORPort`);
  if (both.port === 0) refuse('ORPort line has address but no port');
  return { port: both.port, addresses: [both], isExplicit: true };
}

function parseLine(line: ListLine, notices: TorrcNotice[]): OrPort[] {
  const [written = '', ...words] = line.text.trim().split(/\s+/);
  const { port, addresses, isExplicit } = parseTarget(written, line);
  const { noListen, noAdvertise, only } = parseFlags(words, line, notices);
  if (only !== undefined && isExplicit && addresses[0]?.family !== only)
    throw new TorrcError(`Could not interpret ORPort address as IPv${only}`, line.position);
  return addresses
    .filter(({ family }) => only === undefined || family === only)
    .map(({ address, family }) => ({
      address,
      family,
      port,
      isExplicit,
      listens: !noListen,
      advertises: !noAdvertise,
    }));
}

function show(port: OrPort): string {
  return `ORPort ${port.isExplicit ? `${showAddress(port)}:` : ''}${port.port}`;
}

/** Whether `port` makes `other` needless: the same, or the same port at a written address. */
function supersedes(port: OrPort, other: OrPort): boolean {
  if (port.family !== other.family || port.port !== other.port) return false;
  if (port.isExplicit && other.isExplicit) return port.address === other.address;
  return port.isExplicit || !other.isExplicit;
}

function withoutSuperseded(ports: readonly OrPort[], notices: TorrcNotice[]): OrPort[] {
  const removed = new Set<OrPort>();
  for (const port of ports) {
    if (removed.has(port)) continue;
    for (const other of ports) {
      if (other === port || removed.has(other) || !supersedes(port, other)) continue;
      removed.add(other);
      if (JSON.stringify(port) !== JSON.stringify(other)) {
        const text = `Configuration port ${show(other)} superseded by ${show(port)}`;
        notices.push({ level: 'warn', text });
      }
    }
  }
  return ports.filter((port) => !removed.has(port));
}

function checkWhole(ports: readonly OrPort[], { position }: ListLine): void {
  const advertised = ports.filter((port) => port.advertises);
  const listening = ports.filter((port) => port.listens);
  const refuse = (why: string): never => {
    throw new TorrcError(`Misconfigured server ports: ${why}`, position);
  };
  if (advertised.length > 0 && listening.length === 0)
    refuse('We are advertising an ORPort, but not actually listening on one.');
  if (listening.length > 0 && advertised.length === 0)
    refuse('We are listening on an ORPort, but not advertising any ORPorts.');
  if (advertised.length > 0 && !advertised.some(({ family }) => family === 4))
    refuse('Configured public relay to listen only on an IPv6 address. It needs to listen on IPv4 too.');
}

/** The relay's addresses and ports; none when ORPort is 0 or missing. */
export function parseOrPorts(lines: readonly ListLine[], notices: TorrcNotice[]): OrPort[] {
  const last = lines.at(-1);
  if (last === undefined) return [];
  const ports = lines.flatMap((line) => parseLine(line, notices));
  const real = ports.filter(({ port }) => port !== 0);
  if (real.length > 0 && real.length < ports.length)
    throw new TorrcError("You specified a nonzero ORPort along with 'ORPort 0'", last.position);
  const kept = withoutSuperseded(real, notices);
  checkWhole(kept, last);
  return kept;
}
