#include "crypto/one_way_layer.h"

#include <openssl/crypto.h>

#include <cstring>

#include "base/bytes.h"
#include "crypto/circuit_crypto.h"

namespace kist {

namespace {

// Relay command 1, recognised 2, stream ID 2, digest 4, length 2, data 498.
constexpr size_t kRecognisedAt = 1;
constexpr size_t kDigestAt = 5;
constexpr size_t kDigestFieldBytes = 4;

static_assert(CircuitCrypto::kDigestBytes == RunningDigest::kBytes);

}  // namespace

bool OneWayLayer::start(ByteSpan key, ByteSpan digestSeed) {
  digest_ = RunningDigest();
  digest_.add(digestSeed);
  return cipher_.start(key);
}

void OneWayLayer::crypt(uint8_t* payload) { cipher_.crypt(payload, CircuitCrypto::kPayloadBytes); }

bool OneWayLayer::recognises(uint8_t* payload, uint8_t* digestOut) {
  // All but one in 65536 of the cells that are not for this hop end here and cost no hashing.
  if (loadU16(payload + kRecognisedAt) != 0) return false;
  uint8_t claimed[kDigestFieldBytes];
  std::memcpy(claimed, payload + kDigestAt, sizeof(claimed));
  std::memset(payload + kDigestAt, 0, sizeof(claimed));
  RunningDigest next(digest_);
  next.add({payload, CircuitCrypto::kPayloadBytes});
  std::memcpy(payload + kDigestAt, claimed, sizeof(claimed));
  uint8_t digest[RunningDigest::kBytes];
  next.read(digest);
  if (CRYPTO_memcmp(digest, claimed, sizeof(claimed)) != 0) return false;
  digest_ = next;
  std::memcpy(digestOut, digest, sizeof(digest));
  return true;
}

void OneWayLayer::stamp(uint8_t* payload, uint8_t* digestOut) {
  storeU16(payload + kRecognisedAt, 0);
  std::memset(payload + kDigestAt, 0, kDigestFieldBytes);
  digest_.add({payload, CircuitCrypto::kPayloadBytes});
  digest_.read(digestOut);
  std::memcpy(payload + kDigestAt, digestOut, kDigestFieldBytes);
}

}  // namespace kist
