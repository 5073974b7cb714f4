import type { KeyObject } from 'node:crypto';
import type { ExitPolicy } from './exit-policy.js';
import type { Ed25519Signer } from './ed25519-keys.js';

/** What a relay says of itself in its server descriptor. Absent members leave their line out. */
export interface RouterDescriptorInput {
  /** 1 to 19 letters and digits. */
  readonly nickname: string;
  /** The advertised IPv4 address, as a dotted quad. */
  readonly address: string;
  readonly orPort: number;
  /** Only authorities announce one. */
  readonly dirPort?: number;
  /** Further addresses, IPv6 without brackets. Others read only the first of each family. */
  readonly orAddresses?: readonly { readonly address: string; readonly port: number }[];
  /** Must not begin with "Tor " unless it really is that program: authorities apply its version rules then. */
  readonly platform: string;
  /** The `proto` line's text, such as `Cons=2 Desc=2 Link=4-5 LinkAuth=3 Microdesc=2 Relay=2-3`. */
  readonly protocols: string;
  readonly published: Date;
  readonly uptimeSeconds?: number;
  readonly bandwidth: DescriptorBandwidth;
  /** Digests of the extra-info document published with it. */
  readonly extraInfo?: { readonly sha1: Uint8Array; readonly sha256: Uint8Array };
  readonly cachesExtraInfo?: boolean;
  readonly isHibernating?: boolean;
  /** Fingerprints (`$` and 40 hexadecimal digits) and nicknames. */
  readonly family?: readonly string[];
  /** Family certificates (Ed25519 certificates of type 12), binary. */
  readonly familyCertificates?: readonly Uint8Array[];
  readonly contact?: string;
  readonly isHiddenServiceDirectory?: boolean;
  /** Answers directory requests over BEGIN_DIR. */
  readonly isTunnelledDirServer?: boolean;
  /** When an overload was last seen; the line gives its hour. */
  readonly overloadedSince?: Date;
  readonly exitPolicy: ExitPolicy;
  /** How long the ntor key's cross-certificate is good for: the life of an onion key. 28 days when absent. */
  readonly onionKeyLifetimeMs?: number;
}

/** Bytes a second. `rate` must be above 0. */
export interface DescriptorBandwidth {
  readonly rate: number;
  readonly burst: number;
  readonly observed: number;
}

/** The secret keys and certificates that a descriptor is made with: all of one relay. */
export interface DescriptorKeys {
  readonly rsaIdentity: KeyObject;
  /** The Ed25519 certificate of type 4 (signing key by master identity, which it includes), binary. */
  readonly signingCertificate: Uint8Array;
  /** The signing key which that certificate certifies. */
  readonly signingKey: Ed25519Signer;
  /** The Ed25519 master identity, 32 bytes. */
  readonly masterIdentity: Uint8Array;
  readonly onion: OnionKeyPairs;
}

/** The onion keys of one period. */
export interface OnionKeyPairs {
  readonly ntor: { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
  /** RSA of 1024 bits. Out of use in circuits, but authorities still want it in descriptors. */
  readonly tap: KeyObject;
}
