#include "crypto/relay_crypto.h"

#include <doctest/doctest.h>

#include <cstring>

#include "crypto/aes_ctr.h"
#include "crypto/running_digest.h"
#include "crypto/text_bytes.h"
#include "hex.h"
#include "relay_cell_vectors.h"

using namespace kist;

namespace {

constexpr size_t kPayload = CircuitCrypto::kPayloadBytes;
using Payload = std::array<uint8_t, kPayload>;

RelayKeys keysOf(const char* text) {
  RelayKeys keys;
  REQUIRE(RelayKeys::fromBytes(bytesOf(text), keys));
  return keys;
}

/// A plain DATA message of stream 1 whose bytes depend on `number`.
Payload message(size_t number) {
  Payload payload{};
  payload[0] = 2;
  payload[4] = 1;
  storeU16(payload.data() + 9, 498);
  for (size_t i = 0; i < 498; ++i) payload[11 + i] = static_cast<uint8_t>(number * 7 + i);
  return payload;
}

/// The other end of a relay's layer, on the bare primitives.
struct Origin {
  AesCtr forward;
  AesCtr backward;
  RunningDigest digest;
  explicit Origin(const RelayKeys& keys) {
    REQUIRE(forward.start(keys.forwardKey));
    REQUIRE(backward.start(keys.backwardKey));
    digest.add(keys.forwardDigest);
  }
  /// Seals for the relay; gives the whole digest.
  std::string seal(Payload& payload) {
    uint8_t out[20];
    std::memset(payload.data() + 5, 0, 4);
    digest.add(payload);
    digest.read(out);
    std::memcpy(payload.data() + 5, out, 4);
    forward.crypt(payload.data(), kPayload);
    return toHex(out);
  }
};

std::string hexOf(const uint8_t* digest) { return toHex({digest, CircuitCrypto::kDigestBytes}); }

}  // namespace

TEST_CASE("relay keys are taken in the order Df, Db, Kf, Kb") {
  RelayKeys keys;
  std::vector<uint8_t> bytes(72);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  REQUIRE(RelayKeys::fromBytes(bytes, keys));
  CHECK(keys.forwardDigest[0] == 0);
  CHECK(keys.backwardDigest[0] == 20);
  CHECK(keys.forwardKey[0] == 40);
  CHECK(keys.backwardKey[0] == 56);
  CHECK(keys.backwardKey[15] == 71);
  CHECK_FALSE(RelayKeys::fromBytes(ByteSpan(bytes).first(71), keys));
  bytes.push_back(0);
  CHECK_FALSE(RelayKeys::fromBytes(bytes, keys));
}

TEST_CASE("a relay's sealed cells are those of tor-spec 6.1, with the backward keys") {
  auto relay = makeRelayCrypto(keysOf(kCellVectorKeys[0]));
  REQUIRE(relay);
  CHECK(hexOf(relay->sealedDigest()) == std::string(40, '0'));
  // Digest, first 32 and last 16 bytes of each cell, computed apart.
  const std::array<const char*, 3> expected[] = {
      {"f30b06f896134f980e0444abc3aad8c0371d56ca",
       "95687da9342974fafc443d2e222d4012c5f9d16ea8ddeeb2fc61eb8236f65704",
       "994f8cc8100b4ad7d7b56d79ccfb6213"},
      {"5008bbb6bdd9288331ed2f06129e4aad4cd4c956",
       "15e426785940b583166ba87052eeb0f6141bf0199e2ad21da8f2134c52846ff2",
       "1a610f2316a0e156804e75d3a5b21304"}};
  for (size_t i = 0; i < 2; ++i) {
    Payload payload = message(i);
    // What stands in the fields before does not count.
    payload[1] = payload[2] = payload[5] = payload[8] = 0xee;
    relay->seal(payload.data(), CircuitCrypto::kLastHop);
    CHECK(hexOf(relay->sealedDigest()) == expected[i][0]);
    CHECK(toHex(ByteSpan(payload).first(32)) == expected[i][1]);
    CHECK(toHex(ByteSpan(payload).last(16)) == expected[i][2]);
  }
}

TEST_CASE("a relay recognises its cells, and their digest runs on") {
  const RelayKeys keys = keysOf(kCellVectorKeys[0]);
  auto relay = makeRelayCrypto(keys);
  Origin origin(keys);
  CHECK(hexOf(relay->openedDigest()) == std::string(40, '0'));
  for (size_t i = 0; i < 20; ++i) {
    Payload payload = message(i);
    const std::string digest = origin.seal(payload);
    REQUIRE(relay->open(payload.data()));
    CHECK(hexOf(relay->openedDigest()) == digest);
    CHECK(relay->openedHop() == 0);
    Payload plain = message(i);
    std::memcpy(plain.data() + 5, payload.data() + 5, 4);
    CHECK(payload == plain);
  }
}

TEST_CASE("a cell that is not for the relay passes with its layer off and leaves the digest alone") {
  const RelayKeys keys = keysOf(kCellVectorKeys[0]);
  auto relay = makeRelayCrypto(keys);
  Origin origin(keys);
  Payload first = message(0);
  const std::string firstDigest = origin.seal(first);
  REQUIRE(relay->open(first.data()));
  // One says it in the recognised field; one looks recognised by chance, with digest bytes of its own; one
  // differs from a right one in the digest's last byte alone.
  Payload passing = message(1);
  passing[2] = 1;
  Payload chance = message(2);
  storeU32(chance.data() + 5, 0x01020304);
  for (const Payload& plain : {passing, chance}) {
    Payload payload = plain;
    origin.forward.crypt(payload.data(), kPayload);
    CHECK_FALSE(relay->open(payload.data()));
    CHECK(payload == plain);
    CHECK(hexOf(relay->openedDigest()) == firstDigest);
  }
  Payload nearly = message(3);
  RunningDigest peek(origin.digest);
  peek.add(nearly);
  uint8_t digest[20];
  peek.read(digest);
  digest[3] ^= 1;
  std::memcpy(nearly.data() + 5, digest, 4);
  origin.forward.crypt(nearly.data(), kPayload);
  CHECK_FALSE(relay->open(nearly.data()));

  Payload last = message(4);
  const std::string lastDigest = origin.seal(last);
  REQUIRE(relay->open(last.data()));
  CHECK(hexOf(relay->openedDigest()) == lastDigest);
}

TEST_CASE("a relay's layer on passing cells shares the key stream with its own") {
  const RelayKeys keys = keysOf(kCellVectorKeys[1]);
  auto relay = makeRelayCrypto(keys);
  Origin origin(keys);
  for (size_t i = 0; i < 10; ++i) {
    Payload payload = message(i);
    if (i % 3 == 0) {
      relay->seal(payload.data(), 0);
    } else {
      relay->wrap(payload.data());
    }
    origin.backward.crypt(payload.data(), kPayload);
    Payload plain = message(i);
    if (i % 3 == 0) std::memcpy(plain.data() + 5, relay->sealedDigest(), 4);
    CHECK(payload == plain);
  }
}

TEST_CASE("a changed or replayed cell is not recognised") {
  const RelayKeys keys = keysOf(kCellVectorKeys[2]);
  for (const size_t at : {0u, 1u, 3u, 5u, 11u, 508u}) {
    auto relay = makeRelayCrypto(keys);
    Origin origin(keys);
    Payload payload = message(0);
    origin.seal(payload);
    payload[at] ^= 1;
    CHECK_FALSE(relay->open(payload.data()));
  }
  auto relay = makeRelayCrypto(keys);
  Origin origin(keys);
  Payload payload = message(0);
  origin.seal(payload);
  Payload replay = payload;
  REQUIRE(relay->open(payload.data()));
  CHECK_FALSE(relay->open(replay.data()));
}

TEST_CASE("a relay has one hop only") {
  auto relay = makeRelayCrypto(keysOf(kCellVectorKeys[0]));
  CHECK_FALSE(relay->addHop(keysOf(kCellVectorKeys[1])));
}
