#pragma once

// SHA-1's plain functions: one call of theirs costs a third of EVP's, and a state is saved by copying a
// struct.
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include <openssl/sha.h>

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace kist {

/// SHA-1 over all that was ever added, readable at any time (tor-spec 6.1: the digest of relay cells). A copy
/// goes on by itself: that is how a state is saved and restored.
class RunningDigest {
 public:
  static constexpr size_t kBytes = SHA_DIGEST_LENGTH;

  RunningDigest();
  RunningDigest(const RunningDigest&) = default;
  RunningDigest& operator=(const RunningDigest&) = default;
  /// Wipes the state, which is as good as the seed.
  ~RunningDigest();

  void add(ByteSpan bytes);
  /// Writes the kBytes of digest of all so far, and stays ready for more.
  void read(uint8_t* out) const;

 private:
  SHA_CTX state_;
};

}  // namespace kist
