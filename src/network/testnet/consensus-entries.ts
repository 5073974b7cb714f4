/** One relay as the consensus lists it. `bandwidth`: the weight clients choose by, in kilobytes a second. */
export interface ConsensusEntry {
  readonly nickname: string;
  /** 40 upper case hexadecimal digits. */
  readonly fingerprint: string;
  readonly address: string;
  readonly orPort: number;
  readonly flags: readonly string[];
  readonly bandwidth: number | undefined;
  /** The exit policy summary of the "p" line, if there is one. */
  readonly policy: string | undefined;
}

/** What waiting for relays needs of a consensus: who is in it, with which flags, and since when. */
export interface ConsensusEntries {
  /** As in the document: `YYYY-MM-DD HH:MM:SS`, UTC. */
  readonly validAfter: string;
  readonly relays: readonly ConsensusEntry[];
}

const FINGERPRINT_BASE64 = /^[A-Za-z0-9+/]{27}$/;

function readEntry(section: string): ConsensusEntry | undefined {
  const lines = section.split('\n');
  // r nickname identity digest date time address orPort dirPort (dir-spec 3.4.1)
  const [, nickname = '', identity = '', , , , address = '', orPort = ''] = (lines[0] ?? '').split(' ');
  if (!FINGERPRINT_BASE64.test(identity)) return undefined;
  const rest = (keyword: string): string | undefined =>
    lines.find((line) => line.startsWith(`${keyword} `))?.slice(keyword.length + 1);
  const bandwidth = /(?:^| )Bandwidth=(\d+)/.exec(rest('w') ?? '')?.[1];
  return {
    nickname,
    fingerprint: Buffer.from(identity, 'base64').toString('hex').toUpperCase(),
    address,
    orPort: Number(orPort),
    flags: (rest('s') ?? '').split(' ').filter((flag) => flag !== ''),
    bandwidth: bandwidth === undefined ? undefined : Number(bandwidth),
    policy: rest('p'),
  };
}

/** Reads a consensus in the ns flavour; undefined where it is none. Signatures are not checked: it came over loopback. */
export function readConsensusEntries(text: string): ConsensusEntries | undefined {
  const validAfter = /^valid-after (\S+ \S+)$/m.exec(text)?.[1];
  if (!text.startsWith('network-status-version 3') || validAfter === undefined) return undefined;
  const end = text.search(/^directory-footer/m);
  const body = end < 0 ? text : text.slice(0, end);
  const sections = body.split(/^(?=r )/m).slice(1);
  return { validAfter, relays: sections.flatMap((section) => readEntry(section) ?? []) };
}
