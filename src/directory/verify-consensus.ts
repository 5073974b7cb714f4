import { signedDigest } from './consensus.js';
import type { Consensus } from './consensus.js';
import type { KeyCertificate } from './key-certificate.js';
import { verifyRsa } from './rsa-keys.js';

/** What the signatures of a consensus are worth to someone who trusts certain authorities. */
export interface ConsensusVerdict {
  /** Signed rightly by more than half of the trusted authorities. */
  readonly isValid: boolean;
  /** v3idents of trusted authorities with a right signature. */
  readonly good: readonly string[];
  /** Signed, but no certificate for the signing key is at hand: fetch these. */
  readonly missing: readonly { readonly identity: string; readonly signingKeyDigest: string }[];
  /** v3idents of trusted authorities with a signature that is wrong or by an expired key. */
  readonly bad: readonly string[];
  readonly needed: number;
}

/**
 * Judges a consensus by the authorities trusted (v3idents in upper-case hexadecimal) and their certificates. Signatures
 * of others, and of unknown algorithms, count for nothing; an authority counts once.
 */
export function verifyConsensus(
  consensus: Consensus,
  trusted: readonly string[],
  certificates: readonly KeyCertificate[],
): ConsensusVerdict {
  const authorities = new Set(trusted.map((identity) => identity.toUpperCase()));
  const good = new Set<string>();
  const bad = new Set<string>();
  const missing = new Map<string, { identity: string; signingKeyDigest: string }>();
  for (const { algorithm, identity, signingKeyDigest, signature } of consensus.signatures) {
    const digest = signedDigest(consensus.signedBytes, algorithm);
    if (digest === undefined || !authorities.has(identity)) continue;
    const certificate = certificates.find(
      (one) => one.fingerprint === identity && one.signingKeyDigest === signingKeyDigest,
    );
    if (certificate === undefined) missing.set(identity, { identity, signingKeyDigest });
    else if (certificate.expires < consensus.validAfter) bad.add(identity);
    else (verifyRsa(certificate.signingKey, digest, signature) ? good : bad).add(identity);
  }
  const needed = Math.floor(authorities.size / 2) + 1;
  return {
    isValid: good.size >= needed,
    good: [...good],
    missing: [...missing.values()].filter(({ identity }) => !good.has(identity)),
    bad: [...bad].filter((identity) => !good.has(identity)),
    needed,
  };
}
