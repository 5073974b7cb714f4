#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "crypto/relay_keys.h"

namespace kist {

/// One Curve25519 onion key. The secret half is wiped when a copy goes.
struct OnionKey {
  std::array<uint8_t, 32> publicKey{};
  std::array<uint8_t, 32> secretKey{};

  ~OnionKey();
};

/// What a relay must know of itself to answer a circuit handshake.
struct OnionIdentity {
  /// SHA-1 of the RSA identity key: ntor's node ID.
  std::array<uint8_t, 20> rsaDigest{};
  /// Ed25519 identity key: ntor-v3's node ID.
  std::array<uint8_t, 32> ed25519{};
  /// The current onion key first, then those that clients may still know.
  std::vector<OnionKey> keys;
};

/// HTYPE of CREATE2 (tor-spec 5.1), and kOnionFast for the body of CREATE_FAST.
enum OnionType : uint16_t { kOnionTap = 0, kOnionFast = 1, kOnionNtor = 2, kOnionNtorV3 = 3 };

struct OnionAnswer {
  /// HDATA of CREATED2 (without HLEN), or the whole body of CREATED_FAST.
  std::vector<uint8_t> reply;
  RelayKeys keys;
};

/// The relay's side of a circuit handshake: CREATE_FAST (tor-spec 5.1.5), ntor (tor-spec 5.1.4) and
/// ntor-v3 (proposal 332; unknown extensions are ignored, none are answered). `skin` is HDATA of CREATE2.
/// False: the skin is malformed, for another relay, for an onion key that we do not have, fails its MAC, or
/// is of a type that is not answered (TAP and unknown ones); `out` then holds nothing secret. Pure and thread
/// safe; constant time where secrets are compared. A worker thread calls it: it costs about 0.1 ms.
bool answerOnion(uint16_t type, ByteSpan skin, const OnionIdentity& identity, OnionAnswer& out);

}  // namespace kist
