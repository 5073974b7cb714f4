#include "crypto/relay_keys.h"

#include <openssl/crypto.h>

#include <cstring>

namespace kist {

RelayKeys::~RelayKeys() { OPENSSL_cleanse(this, sizeof(*this)); }

bool RelayKeys::fromBytes(ByteSpan bytes, RelayKeys& out) {
  if (bytes.size() != kBytes) return false;
  const uint8_t* at = bytes.data();
  const auto take = [&at](auto& field) {
    std::memcpy(field.data(), at, field.size());
    at += field.size();
  };
  take(out.forwardDigest);
  take(out.backwardDigest);
  take(out.forwardKey);
  take(out.backwardKey);
  return true;
}

}  // namespace kist
