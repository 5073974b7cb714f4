#include "cell/cell_padding.h"

#include <sys/random.h>

#include <cstring>

namespace kist {

void CellPadding::fill(MutableByteSpan room) {
  if (room.size() < kZeroes + kRandom) return;
  if (used_ + kRandom > bytes_.size()) {
    // Up to 256 bytes come whole, whatever signals arrive; more may come short.
    constexpr size_t kWhole = 256;
    for (size_t at = 0; at < bytes_.size(); at += kWhole) {
      while (getrandom(bytes_.data() + at, kWhole, 0) != static_cast<ssize_t>(kWhole)) {
      }
    }
    used_ = 0;
  }
  std::memcpy(room.data() + kZeroes, bytes_.data() + used_, kRandom);
  used_ += kRandom;
}

}  // namespace kist
