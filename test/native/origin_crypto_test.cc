#include "crypto/origin_crypto.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <cstring>
#include <random>

#include "crypto/relay_crypto.h"
#include "crypto/text_bytes.h"
#include "hex.h"
#include "relay_cell_vectors.h"

using namespace kist;

namespace {

constexpr size_t kPayload = CircuitCrypto::kPayloadBytes;
using Payload = std::array<uint8_t, kPayload>;

RelayKeys keysOf(size_t hop) {
  RelayKeys keys;
  REQUIRE(RelayKeys::fromBytes(bytesOf(kCellVectorKeys[hop]), keys));
  return keys;
}

/// An origin and its three relays.
struct Path {
  std::unique_ptr<CircuitCrypto> origin = makeOriginCrypto();
  std::vector<std::unique_ptr<CircuitCrypto>> relays;
  std::mt19937 random{1};

  explicit Path(size_t hops = 3) {
    while (relays.size() < hops) grow();
  }
  void grow() {
    const RelayKeys keys = keysOf(relays.size());
    REQUIRE(origin->addHop(keys));
    relays.push_back(makeRelayCrypto(keys));
  }
  Payload message() {
    Payload payload;
    for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
    return payload;
  }
  /// The relay that recognised the cell, or how many there are.
  size_t goAway(Payload& payload) {
    for (size_t i = 0; i < relays.size(); ++i) {
      if (relays[i]->open(payload.data())) return i;
    }
    return relays.size();
  }
  void comeBack(Payload& payload, size_t from) {
    relays[from]->seal(payload.data(), 0);
    for (size_t i = from; i-- > 0;) relays[i]->wrap(payload.data());
  }
};

/// The two say the same but for the fields that sealing writes.
bool saysSame(Payload left, Payload right) {
  for (Payload* payload : {&left, &right}) {
    std::memset(payload->data() + 1, 0, 2);
    std::memset(payload->data() + 5, 0, 4);
  }
  return left == right;
}

std::string hexOf(const uint8_t* digest) { return toHex({digest, CircuitCrypto::kDigestBytes}); }

}  // namespace

TEST_CASE("an origin's cells for three hops are those that C tor makes") {
  constexpr size_t kCells = 51;
  std::vector<uint8_t> data(kCells * 498);
  EVP_MD_CTX* shake = EVP_MD_CTX_new();
  EVP_DigestInit_ex(shake, EVP_shake256(), nullptr);
  EVP_DigestUpdate(shake, kCellVectorSeed, std::strlen(kCellVectorSeed));
  EVP_DigestFinalXOF(shake, data.data(), data.size());
  EVP_MD_CTX_free(shake);
  Path path;
  size_t compared = 0;
  for (size_t i = 0; i < kCells; ++i) {
    Payload payload{};
    payload[0] = 2;
    payload[4] = 1;
    storeU16(payload.data() + 9, 498);
    std::memcpy(payload.data() + 11, data.data() + i * 498, 498);
    path.origin->seal(payload.data(), CircuitCrypto::kLastHop);
    if (compared < std::size(kCellVectors) && kCellVectors[compared].cell == i) {
      CHECK(toHex(payload) == kCellVectors[compared++].hex);
    }
    CHECK(path.goAway(payload) == 2);
  }
  CHECK(compared == std::size(kCellVectors));
}

TEST_CASE("cells reach the hop they are for, and none else, in any order of hops") {
  Path path;
  for (size_t i = 0; i < 60; ++i) {
    const size_t hop = path.random() % 3;
    const Payload plain = path.message();
    Payload payload = plain;
    path.origin->seal(payload.data(), static_cast<uint32_t>(hop));
    REQUIRE(path.goAway(payload) == hop);
    CHECK(saysSame(payload, plain));
    CHECK(hexOf(path.origin->sealedDigest()) == hexOf(path.relays[hop]->openedDigest()));
  }
}

TEST_CASE("cells come back from any hop, and the origin knows from which") {
  Path path;
  for (size_t i = 0; i < 60; ++i) {
    const size_t hop = path.random() % 3;
    const Payload plain = path.message();
    Payload payload = plain;
    path.comeBack(payload, hop);
    REQUIRE(path.origin->open(payload.data()));
    CHECK(path.origin->openedHop() == hop);
    CHECK(saysSame(payload, plain));
    CHECK(hexOf(path.origin->openedDigest()) == hexOf(path.relays[hop]->sealedDigest()));
  }
}

TEST_CASE("a circuit grows while it is used") {
  Path path(1);
  for (size_t hops = 1; hops <= 3; ++hops) {
    for (size_t i = 0; i < 3; ++i) {
      Payload payload = path.message();
      path.origin->seal(payload.data(), CircuitCrypto::kLastHop);
      CHECK(path.goAway(payload) == hops - 1);
      payload = path.message();
      path.comeBack(payload, hops - 1);
      REQUIRE(path.origin->open(payload.data()));
      CHECK(path.origin->openedHop() == hops - 1);
    }
    if (hops < 3) path.grow();
  }
}

TEST_CASE("a hop that is not there means the last") {
  Path path;
  Payload payload = path.message();
  path.origin->seal(payload.data(), 3);
  CHECK(path.goAway(payload) == 2);
}

TEST_CASE("a cell that no hop made is not recognised, and what was said before stays") {
  Path path;
  Payload payload = path.message();
  path.comeBack(payload, 1);
  REQUIRE(path.origin->open(payload.data()));
  const std::string digest = hexOf(path.origin->openedDigest());
  payload = path.message();
  path.comeBack(payload, 2);
  payload[100] ^= 1;
  CHECK_FALSE(path.origin->open(payload.data()));
  CHECK(path.origin->openedHop() == 1);
  CHECK(hexOf(path.origin->openedDigest()) == digest);
}

TEST_CASE("an origin without hops recognises nothing, and hops are limited") {
  auto origin = makeOriginCrypto();
  Payload payload{};
  CHECK_FALSE(origin->open(payload.data()));
  for (uint32_t i = 0; i < CircuitCrypto::kMaxHops; ++i) CHECK(origin->addHop(keysOf(0)));
  CHECK_FALSE(origin->addHop(keysOf(0)));
}
