#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"

namespace kist {

/// Up to `Capacity` bytes of secret on the stack, put together piece by piece, wiped at the end of their
/// scope.
template <size_t Capacity>
class SecretBytes {
 public:
  SecretBytes() = default;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { OPENSSL_cleanse(bytes_, sizeof(bytes_)); }

  void add(ByteSpan piece) {
    const MutableByteSpan room = take(piece.size());
    if (!piece.empty()) std::memcpy(room.data(), piece.data(), piece.size());
  }
  /// `length` more bytes, which the caller fills.
  MutableByteSpan take(size_t length) {
    KIST_ASSERT(length <= Capacity - length_);
    const MutableByteSpan room(bytes_ + length_, length);
    length_ += length;
    return room;
  }
  ByteSpan all() const { return {bytes_, length_}; }

 private:
  uint8_t bytes_[Capacity] = {};
  size_t length_ = 0;
};

}  // namespace kist
