#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace kist {

/// First-in-first-out bytes in one piece of memory. Simple rather than fast: for the memory transport.
class ByteFifo {
 public:
  size_t size() const { return bytes_.size() - head_; }
  bool isEmpty() const { return size() == 0; }
  ByteSpan bytes() const { return ByteSpan(bytes_).subspan(head_); }

  void append(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  void consume(size_t count) {
    head_ += count;
    if (head_ < bytes_.size() / 2 + 1) return;
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }

  /// Moves the oldest bytes out, as many as `into` has room for; returns how many.
  size_t take(MutableByteSpan into) {
    const size_t count = std::min(into.size(), size());
    if (count > 0) std::memcpy(into.data(), bytes_.data() + head_, count);
    consume(count);
    return count;
  }

  void clear() {
    bytes_.clear();
    head_ = 0;
  }

 private:
  std::vector<uint8_t> bytes_;
  size_t head_ = 0;
};

}  // namespace kist
