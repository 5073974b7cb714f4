#pragma once

#include <openssl/evp.h>

#include <string_view>

#include "base/bytes.h"

namespace kist {

/// The Keccak hashes of proposal 332 A.1: SHA3-256 for its H and MAC, SHAKE-256 for its KDF. Each starts with
/// ENCAP(tweak), where ENCAP(s) is the length of s in 8 bytes, then s.
class TweakedHash {
 public:
  enum class Kind { kSha3, kShake };

  TweakedHash(Kind kind, std::string_view tweak);
  TweakedHash(const TweakedHash&) = delete;
  TweakedHash& operator=(const TweakedHash&) = delete;
  ~TweakedHash();

  void add(ByteSpan bytes);
  void addEncapsulated(ByteSpan bytes);
  /// Once, at the end: 32 bytes for kSha3, any number for kShake. False if anything failed since the start.
  [[nodiscard]] bool finish(MutableByteSpan out);

 private:
  Kind kind_;
  EVP_MD_CTX* context_;
  bool isGood_;
};

}  // namespace kist
