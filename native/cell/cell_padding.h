#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace kist {

/// Random bytes for the room behind short relay bodies: 4 zeroes, then 16 random bytes (tor-spec 3, 7.3), so
/// that nobody who did not get a cell can tell its digest. Asks the kernel for many at once. Not thread safe.
class CellPadding {
 public:
  static constexpr size_t kZeroes = 4;
  static constexpr size_t kRandom = 16;

  /// `room` was zeroed; one too short for both stays so.
  void fill(MutableByteSpan room);

 private:
  std::array<uint8_t, 4096> bytes_;
  size_t used_ = sizeof bytes_;
};

}  // namespace kist
