/**
 * What a link handshake needs of the relay's identity keys. It is only an interface: who holds the keys, where they are
 * stored and when they are renewed is none of the handshake's business.
 */

/** One entry of a CERTS cell (tor-spec, "CERTS cells"): the certificate's type there, and its bytes. */
export interface LinkCertificate {
  readonly type: number;
  readonly body: Uint8Array;
}

/**
 * The identity of this relay as its link handshakes show and use it. Methods are asked anew in every handshake, so
 * that a renewed signing, link or authentication key is used by the next channel.
 */
export interface LinkIdentity {
  /** The public RSA identity key: DER of PKCS#1 RSAPublicKey. */
  readonly rsaIdentityKeyDer: Uint8Array;
  /** SHA-1 of that DER in 40 upper-case hexadecimal digits. */
  readonly rsaFingerprint: string;
  /** The public Ed25519 master identity key, 32 bytes. */
  readonly ed25519Identity: Uint8Array;
  /**
   * What a responder sends in CERTS: types 2 (RSA identity, self-signed X.509 in DER), 4 (signing key by identity),
   * 5 (SHA-256 of the DER of the given TLS certificate by signing key), 7 (Ed25519 identity by RSA identity).
   */
  linkCertificates(ownTlsCertificateDer: Uint8Array): readonly LinkCertificate[];
  /** What an authenticating initiator sends in CERTS: types 2, 4, 6 (authentication key by signing key), 7. */
  initiatorCertificates(): readonly LinkCertificate[];
  /** The Ed25519 signature (64 bytes) by the authentication key that `initiatorCertificates` certifies now. */
  signAuthenticate(bytes: Uint8Array): Uint8Array;
}
