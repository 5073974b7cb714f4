#include "crypto/aes_ctr.h"

#include <climits>

#include "base/assert.h"

namespace kist {

namespace {

constexpr size_t kBlockBytes = 16;

/// Fetched once and for good: a fetch per context would double what a circuit's crypto costs to make.
const EVP_CIPHER* fetchedCipher(size_t keyBytes) {
  static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr);
  static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  if (keyBytes == 16) return aes128;
  return keyBytes == 32 ? aes256 : nullptr;
}

}  // namespace

AesCtr::~AesCtr() { EVP_CIPHER_CTX_free(context_); }

bool AesCtr::start(ByteSpan key, ByteSpan counter) {
  static constexpr uint8_t kZeroCounter[kBlockBytes] = {};
  const EVP_CIPHER* cipher = fetchedCipher(key.size());
  if (cipher == nullptr || (!counter.empty() && counter.size() != kBlockBytes)) return false;
  if (context_ == nullptr) context_ = EVP_CIPHER_CTX_new();
  if (context_ == nullptr) return false;
  const uint8_t* first = counter.empty() ? kZeroCounter : counter.data();
  return EVP_EncryptInit_ex2(context_, cipher, key.data(), first, nullptr) == 1;
}

void AesCtr::crypt(uint8_t* bytes, size_t length) {
  KIST_ASSERT(length <= INT_MAX);
  int written = 0;
  // It can only fail on a context that was not started; plain bytes must never go out because of that.
  const int done = EVP_EncryptUpdate(context_, bytes, &written, bytes, static_cast<int>(length));
  KIST_ASSERT(done == 1 && static_cast<size_t>(written) == length);
}

}  // namespace kist
