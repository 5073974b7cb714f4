#include "crypto/aes_ctr.h"

#include <doctest/doctest.h>

#include "hex.h"

using namespace kist;

namespace {

// NIST SP 800-38A, F.5.
constexpr const char* kCounter = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
constexpr const char* kPlain =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
constexpr const char* kKey128 = "2b7e151628aed2a6abf7158809cf4f3c";
constexpr const char* kCipher128 =
    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
    "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee";
constexpr const char* kKey256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
constexpr const char* kCipher256 =
    "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6";

}  // namespace

TEST_CASE("AES-CTR gives NIST's results for keys of 128 and 256 bits") {
  for (const auto& [key, cipher] : {std::pair(kKey128, kCipher128), std::pair(kKey256, kCipher256)}) {
    AesCtr aes;
    REQUIRE(aes.start(fromHex(key), fromHex(kCounter)));
    auto bytes = fromHex(kPlain);
    aes.crypt(bytes.data(), bytes.size());
    CHECK(toHex(bytes) == cipher);
  }
}

TEST_CASE("the AES-CTR key stream goes on in mid block") {
  AesCtr aes;
  REQUIRE(aes.start(fromHex(kKey128), fromHex(kCounter)));
  auto bytes = fromHex(kPlain);
  size_t at = 0;
  for (const size_t length : {1u, 15u, 17u, 0u, 30u, 1u}) {
    aes.crypt(bytes.data() + at, length);
    at += length;
  }
  REQUIRE(at == bytes.size());
  CHECK(toHex(bytes) == kCipher128);
}

TEST_CASE("AES-CTR starts at counter zero unless told otherwise, and starts anew") {
  AesCtr aes;
  REQUIRE(aes.start(fromHex(kKey128)));
  std::vector<uint8_t> first(40);
  aes.crypt(first.data(), first.size());
  AesCtr other;
  REQUIRE(other.start(fromHex(kKey128), std::vector<uint8_t>(16)));
  std::vector<uint8_t> second(40);
  other.crypt(second.data(), second.size());
  CHECK(first == second);
  REQUIRE(aes.start(fromHex(kKey128)));
  std::vector<uint8_t> third(40);
  aes.crypt(third.data(), third.size());
  CHECK(first == third);
}

TEST_CASE("AES-CTR refuses keys and counters of other lengths") {
  AesCtr aes;
  for (const size_t length : {0u, 15u, 17u, 24u, 31u, 33u})
    CHECK_FALSE(aes.start(std::vector<uint8_t>(length)));
  CHECK_FALSE(aes.start(std::vector<uint8_t>(16), std::vector<uint8_t>(15)));
}
