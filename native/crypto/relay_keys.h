#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace kist {

/// What a circuit handshake yields for tor1 relay crypto (tor-spec 5.1.5, 5.2.2: Df, Db, Kf, Kb): seeds of
/// the two running digests and the two AES-128 keys. Forward is away from the origin, backward toward it.
struct RelayKeys {
  static constexpr size_t kBytes = 72;

  std::array<uint8_t, 20> forwardDigest{};
  std::array<uint8_t, 20> backwardDigest{};
  std::array<uint8_t, 16> forwardKey{};
  std::array<uint8_t, 16> backwardKey{};

  /// Wipes: every copy forgets the keys.
  ~RelayKeys();

  /// Takes Df, Db, Kf and Kb as the key derivation gives them, one behind the other. False unless `bytes` has
  /// exactly kBytes.
  static bool fromBytes(ByteSpan bytes, RelayKeys& out);
};

}  // namespace kist
