#pragma once

#include "crypto/onion_handshake.h"

namespace kist {

/// KDF-TOR (tor-spec 5.2.1): fills `out` with SHA-1(input | 0) | SHA-1(input | 1) | ..., at most 256 of them.
void kdfTor(ByteSpan input, MutableByteSpan out);

/// Bytes of each side's share of CREATE_FAST.
constexpr size_t kFastBytes = 20;

/// Answers CREATE_FAST (tor-spec 5.1.5). `skin` begins with the client's 20 bytes; what follows is the cell's
/// padding. `ownShare` is our 20 random bytes.
[[nodiscard]] bool answerFast(ByteSpan skin, ByteSpan ownShare, OnionAnswer& out);

}  // namespace kist
