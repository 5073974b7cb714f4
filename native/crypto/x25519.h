#pragma once

#include "base/bytes.h"
#include "crypto/onion_handshake.h"

namespace kist {

/// Bytes of a Curve25519 key, public or secret, and of a shared secret.
constexpr size_t kX25519Bytes = 32;

/// A key pair of its own randomness. False when OpenSSL has none.
[[nodiscard]] bool generateX25519(OnionKey& out);

/// EXP(peer, own secret) of RFC 7748 into the 32 bytes of `shared`. False for lengths other than 32, and when
/// the result is all zero: then `peer` was a point of small order, and the secret would be no secret.
[[nodiscard]] bool deriveX25519(const OnionKey& own, ByteSpan peer, MutableByteSpan shared);

}  // namespace kist
