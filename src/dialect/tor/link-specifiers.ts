/** Link specifiers: where a relay is and who it is (tor-spec 5.1.2), as EXTEND2 carries them. */
import { addressFromBytes, addressToBytes } from './addresses.js';
import { malformed } from './byte-reader.js';
import type { ByteReader } from './byte-reader.js';

export const SPECIFIER = { ipv4: 0, ipv6: 1, rsaFingerprint: 2, ed25519Identity: 3 } as const;

export interface OrPort {
  readonly host: string;
  readonly port: number;
}

export interface LinkSpecifiers {
  /** The first of its kind that somebody can listen at. */
  readonly ipv4?: OrPort | undefined;
  readonly ipv6?: OrPort | undefined;
  /** 40 upper-case hexadecimal digits. */
  readonly rsaFingerprint?: string | undefined;
  /** 32 bytes. */
  readonly ed25519Identity?: Uint8Array | undefined;
  /** Kinds that nobody knows yet, as they came. */
  readonly unknown?: readonly { readonly type: number; readonly body: Uint8Array }[] | undefined;
}

const LENGTHS: readonly number[] = [6, 18, 20, 32];

function encodePort(type: number, { host, port }: OrPort): [number, Buffer] {
  const bytes = addressToBytes(host);
  if (bytes === undefined || bytes.length + 2 !== LENGTHS[type] || port < 1 || port > 0xffff)
    throw malformed(`no address for a link specifier: ${JSON.stringify(host)} port ${port}`);
  const tail = Buffer.alloc(2);
  tail.writeUInt16BE(port);
  return [type, Buffer.concat([bytes, tail])];
}

/** The number of specifiers, then each, in the order that all implementations use. */
export function encodeLinkSpecifiers(specifiers: LinkSpecifiers): Buffer {
  const { ipv4, ipv6, rsaFingerprint, ed25519Identity, unknown = [] } = specifiers;
  const list: [number, Uint8Array][] = [];
  if (ipv4 !== undefined) list.push(encodePort(SPECIFIER.ipv4, ipv4));
  if (rsaFingerprint !== undefined) {
    if (!/^[0-9A-F]{40}$/i.test(rsaFingerprint))
      throw malformed(`not an RSA fingerprint: ${JSON.stringify(rsaFingerprint)}`);
    list.push([SPECIFIER.rsaFingerprint, Buffer.from(rsaFingerprint, 'hex')]);
  }
  if (ed25519Identity !== undefined) {
    if (ed25519Identity.length !== 32)
      throw malformed(`an Ed25519 identity of ${ed25519Identity.length} bytes`);
    list.push([SPECIFIER.ed25519Identity, ed25519Identity]);
  }
  if (ipv6 !== undefined) list.push(encodePort(SPECIFIER.ipv6, ipv6));
  for (const { type, body } of unknown) list.push([type, body]);
  const parts = list.flatMap(([type, body]) => [Buffer.from([type, body.length]), body]);
  return Buffer.concat([Buffer.from([list.length]), ...parts]);
}

function readPort(body: Buffer): OrPort | undefined {
  const address = body.subarray(0, -2);
  const port = body.readUInt16BE(address.length);
  if (port === 0 || address.every((byte) => byte === 0)) return undefined;
  return { host: addressFromBytes(address), port };
}

/** Reads the list. A second identity of one kind is refused; of addresses the first usable one of a kind counts. */
export function readLinkSpecifiers(reader: ByteReader): LinkSpecifiers {
  const count = reader.u8('number of link specifiers');
  const ports: (OrPort | undefined)[] = [];
  const identities = new Map<number, Buffer>();
  const unknown: { type: number; body: Uint8Array }[] = [];
  for (let i = 1; i <= count; i++) {
    const where = `link specifier ${i} of ${count}`;
    const type = reader.u8(`type of ${where}`);
    const body = reader.bytes(reader.u8(`length of ${where}`), where);
    const length = LENGTHS[type];
    if (length === undefined) {
      unknown.push({ type, body });
      continue;
    }
    if (body.length !== length)
      throw malformed(`${where} is of type ${type} and has ${body.length} bytes instead of ${length}`);
    if (type === SPECIFIER.ipv4 || type === SPECIFIER.ipv6) {
      ports[type] ??= readPort(body);
      continue;
    }
    if (identities.has(type)) throw malformed(`two link specifiers are of type ${type}`);
    identities.set(type, body);
  }
  const ed25519Identity = identities.get(SPECIFIER.ed25519Identity);
  return {
    ipv4: ports[SPECIFIER.ipv4],
    ipv6: ports[SPECIFIER.ipv6],
    rsaFingerprint: identities.get(SPECIFIER.rsaFingerprint)?.toString('hex').toUpperCase(),
    // All zeroes stand for an identity that the sender does not know.
    ed25519Identity: ed25519Identity?.some((byte) => byte !== 0) ? ed25519Identity : undefined,
    unknown,
  };
}
