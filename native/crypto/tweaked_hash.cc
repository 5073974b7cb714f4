#include "crypto/tweaked_hash.h"

#include "crypto/text_bytes.h"

namespace kist {

namespace {

constexpr size_t kSha3Bytes = 32;

const EVP_MD* fetchedHash(TweakedHash::Kind kind) {
  static const EVP_MD* const sha3 = EVP_MD_fetch(nullptr, "SHA3-256", nullptr);
  static const EVP_MD* const shake = EVP_MD_fetch(nullptr, "SHAKE-256", nullptr);
  return kind == TweakedHash::Kind::kSha3 ? sha3 : shake;
}

}  // namespace

TweakedHash::TweakedHash(Kind kind, std::string_view tweak) : kind_(kind), context_(EVP_MD_CTX_new()) {
  const EVP_MD* hash = fetchedHash(kind);
  isGood_ = context_ != nullptr && hash != nullptr && EVP_DigestInit_ex2(context_, hash, nullptr) == 1;
  addEncapsulated(bytesOf(tweak));
}

TweakedHash::~TweakedHash() { EVP_MD_CTX_free(context_); }

void TweakedHash::add(ByteSpan bytes) {
  isGood_ = isGood_ && (bytes.empty() || EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

void TweakedHash::addEncapsulated(ByteSpan bytes) {
  uint8_t length[8];
  const uint64_t size = bytes.size();
  storeU32(length, static_cast<uint32_t>(size >> 32));
  storeU32(length + 4, static_cast<uint32_t>(size));
  add(length);
  add(bytes);
}

bool TweakedHash::finish(MutableByteSpan out) {
  if (!isGood_) return false;
  isGood_ = false;
  if (kind_ == Kind::kShake) return EVP_DigestFinalXOF(context_, out.data(), out.size()) == 1;
  return out.size() == kSha3Bytes && EVP_DigestFinal_ex(context_, out.data(), nullptr) == 1;
}

}  // namespace kist
