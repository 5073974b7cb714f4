import { isIPv4 } from 'node:net';
import type { TorrcNotice } from './assign.js';
import { parseAddressPort, parsePort } from './address-port.js';
import type { LiteralAddress } from './address-port.js';
import { TorrcError } from './torrc-error.js';
import type { ListLine } from './torrc-values.js';

/** A directory authority of a network that is not the public one. */
export interface TorrcAuthority {
  readonly nickname: string | undefined;
  readonly address: string;
  readonly dirPort: number;
  /** 0 when it was not written. */
  readonly orPort: number;
  readonly ipv6: (LiteralAddress & { readonly port: number }) | undefined;
  /** 40 upper-case hex digits: of its relay identity, and of its v3 signing identity if it has one. */
  readonly fingerprint: string;
  readonly v3Identity: string | undefined;
  readonly isBridgeAuthority: boolean;
}

const NICKNAME = /^[A-Za-z0-9]{1,19}$/;
const DIGEST = /^[0-9A-Fa-f]{40}$/;
const URL_FLAG = /^(upload|download|vote)=/i;

interface Flags {
  orPort: number;
  ipv6: (LiteralAddress & { port: number }) | undefined;
  v3Identity: string | undefined;
  isBridgeAuthority: boolean;
}

/** One word between the nickname and the address. Most that is wrong here C tor only warns of. */
function readFlag(
  flag: string,
  flags: Flags,
  refuse: (why: string) => never,
  warn: (text: string) => void,
): void {
  const value = flag.slice(flag.indexOf('=') + 1);
  if (/^(hs|no-hs|no-v2|weight=.*)$/i.test(flag)) return;
  if (flag.toLowerCase() === 'bridge') flags.isBridgeAuthority = true;
  else if (/^orport=/i.test(flag)) {
    const port = parsePort(value) ?? 0;
    if (port === 0) warn(`Invalid orport '${value}' on DirAuthority line.`);
    flags.orPort = port;
  } else if (/^v3ident=/i.test(flag)) {
    if (DIGEST.test(value)) flags.v3Identity = value.toUpperCase();
    else warn(`Bad v3 identity digest '${flag}' on DirAuthority line`);
  } else if (/^ipv6=/i.test(flag)) {
    const ipv6 = parseAddressPort(value);
    if (ipv6 === undefined || ipv6.family !== 6) refuse(`Bad ipv6 addr/port "${flag}" on DirAuthority line`);
    else flags.ipv6 ??= ipv6;
  } else if (URL_FLAG.test(flag)) {
    const target = /^http:\/\/([^/]*)\/?$/.exec(value)?.[1] ?? '';
    if (parseAddressPort(target) === undefined) refuse(`Unable to parse address in authority flag ${flag}`);
  } else warn(`Unrecognized flag '${flag}' on DirAuthority line`);
}

function parseAuthority({ text, position }: ListLine, notices: TorrcNotice[]): TorrcAuthority {
  const refuse = (why: string): never => {
    throw new TorrcError(`Directory authority/fallback line did not parse: ${why}`, position);
  };
  const warn = (text: string): void => void notices.push({ level: 'warn', text });
  const words = text.trim().split(/\s+/);
  const nickname = NICKNAME.test(words[0] ?? '') ? words.shift() : undefined;
  const flags: Flags = { orPort: 0, ipv6: undefined, v3Identity: undefined, isBridgeAuthority: false };
  while (words[0] !== undefined && !/^\d/.test(words[0])) readFlag(words.shift() ?? '', flags, refuse, warn);
  const [written = '', ...digest] = words;
  if (digest.length === 0) refuse('Too few arguments to DirAuthority line.');
  const target = parseAddressPort(written);
  if (target === undefined || !isIPv4(target.address) || target.port === 0)
    return refuse(`Error parsing DirAuthority address '${written}'.`);
  const fingerprint = digest.join('');
  if (!DIGEST.test(fingerprint)) refuse(`Key digest '${fingerprint}' for DirAuthority is not 40 hex digits.`);
  const { address, port: dirPort } = target;
  return { nickname, address, dirPort, fingerprint: fingerprint.toUpperCase(), ...flags };
}

/** `DirAuthority [nickname] [flags] address:port fingerprint`, each on a line. */
export function parseAuthorities(lines: readonly ListLine[], notices: TorrcNotice[]): TorrcAuthority[] {
  return lines.map((line) => parseAuthority(line, notices));
}
