#pragma once

#include <sys/uio.h>

#include <algorithm>

#include "base/bytes.h"

namespace kist {

/// Cuts scattered plaintext into as few records as possible: each is full but for the last.
class TlsRecordCutter {
 public:
  TlsRecordCutter(const iovec* parts, int count) : parts_(parts), end_(parts + std::max(count, 0)) {}

  /// The next `room.size()` bytes, or all that are left: in place where they lie together, else copied into
  /// `room`. Empty at the end.
  ByteSpan next(MutableByteSpan room) {
    skipEmpty();
    if (parts_ == end_) return {};
    const ByteSpan first = rest();
    if (first.size() >= room.size() || isLast()) return take(std::min(first.size(), room.size()));
    size_t copied = 0;
    while (parts_ != end_ && copied < room.size()) {
      const ByteSpan piece = take(std::min(rest().size(), room.size() - copied));
      if (!piece.empty()) std::memcpy(room.data() + copied, piece.data(), piece.size());
      copied += piece.size();
      skipEmpty();
    }
    return room.first(copied);
  }

 private:
  ByteSpan rest() const {
    return ByteSpan(static_cast<const uint8_t*>(parts_->iov_base), parts_->iov_len).subspan(taken_);
  }

  ByteSpan take(size_t count) {
    const ByteSpan piece = rest().first(count);
    taken_ += count;
    return piece;
  }

  bool isLast() const {
    return std::all_of(parts_ + 1, end_, [](const iovec& part) { return part.iov_len == 0; });
  }

  void skipEmpty() {
    while (parts_ != end_ && taken_ == parts_->iov_len) {
      ++parts_;
      taken_ = 0;
    }
  }

  const iovec* parts_;
  const iovec* const end_;
  size_t taken_ = 0;  ///< Of *parts_.
};

}  // namespace kist
