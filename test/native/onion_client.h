#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "crypto/onion_handshake.h"

namespace kist {

using Bytes = std::vector<uint8_t>;

/// The client's side of the circuit handshakes, written for tests: from tor-spec 5.1.4 and proposal 332
/// alone, straight on OpenSSL, so that it shares no mistake with the code under test.
struct OnionClient {
  Bytes secretKey;  // x; its public half is X.
  Bytes nodeId;     // 20 bytes for ntor, 32 for ntor-v3.
  Bytes onionKey;   // B.
  Bytes verification = {'c', 'i', 'r', 'c', 'u', 'i', 't', ' ', 'e', 'x', 't', 'e', 'n', 'd'};

  Bytes publicKey() const;

  Bytes ntorSkin() const;
  /// Key material, or nothing when AUTH is wrong.
  std::optional<Bytes> ntorKeys(const Bytes& reply, size_t length) const;

  Bytes ntorV3Skin(const Bytes& message) const;
  struct V3Result {
    Bytes message;
    Bytes keys;
  };
  std::optional<V3Result> ntorV3Keys(const Bytes& skin, const Bytes& reply, size_t length) const;
};

/// The public half of a Curve25519 secret.
Bytes x25519Public(const Bytes& secret);
OnionKey onionKeyOf(const Bytes& secret);

}  // namespace kist
