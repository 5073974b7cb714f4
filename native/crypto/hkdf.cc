#include "crypto/hkdf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "crypto/secret_bytes.h"

namespace kist {

namespace {

constexpr size_t kHashBytes = 32;
constexpr size_t kMaxBlocks = 255;
/// Longer than any `info` of Tor's.
constexpr size_t kMaxInfo = 256;

}  // namespace

bool hmacSha256(ByteSpan key, ByteSpan message, MutableByteSpan out) {
  if (out.size() != kHashBytes || key.size() > INT_MAX) return false;
  static constexpr uint8_t kNothing[1] = {};  // An empty key must still be a pointer.
  unsigned written = 0;
  const uint8_t* keyBytes = key.empty() ? kNothing : key.data();
  return HMAC(EVP_sha256(), keyBytes, static_cast<int>(key.size()), message.data(), message.size(),
              out.data(), &written) != nullptr &&
         written == kHashBytes;
}

bool hkdfSha256(ByteSpan salt, ByteSpan input, ByteSpan info, MutableByteSpan out) {
  if (out.empty() || out.size() > kMaxBlocks * kHashBytes || info.size() > kMaxInfo) return false;
  SecretBytes<kHashBytes> seed;
  if (!hmacSha256(salt, input, seed.take(kHashBytes))) return false;
  SecretBytes<kHashBytes> block;
  const MutableByteSpan last = block.take(kHashBytes);
  size_t done = 0;
  for (uint8_t counter = 1; done < out.size(); ++counter) {
    SecretBytes<kHashBytes + kMaxInfo + 1> message;
    if (done > 0) message.add(last);
    message.add(info);
    message.add({&counter, 1});
    if (!hmacSha256(seed.all(), message.all(), last)) return false;
    const size_t length = std::min(kHashBytes, out.size() - done);
    std::memcpy(out.data() + done, last.data(), length);
    done += length;
  }
  return true;
}

}  // namespace kist
