#pragma once

#include "base/bytes.h"

namespace kist {

/// HMAC-SHA256 of `message` into the 32 bytes of `out`. False when OpenSSL cannot.
[[nodiscard]] bool hmacSha256(ByteSpan key, ByteSpan message, MutableByteSpan out);

/// HKDF-SHA256 (RFC 5869; tor-spec 5.2.2): extracts from `input` under `salt`, then fills `out`, whose length
/// must be 1 to 255 * 32 bytes. False for others, or when OpenSSL cannot.
[[nodiscard]] bool hkdfSha256(ByteSpan salt, ByteSpan input, ByteSpan info, MutableByteSpan out);

}  // namespace kist
