#include "crypto/hkdf.h"

#include <doctest/doctest.h>

#include "crypto/text_bytes.h"
#include "hex.h"

using namespace kist;

namespace {

std::string derive(ByteSpan salt, ByteSpan input, ByteSpan info, size_t length) {
  std::vector<uint8_t> out(length);
  REQUIRE(hkdfSha256(salt, input, info, out));
  return toHex(out);
}

std::string deriveForNtor(std::string_view input) {
  return derive(bytesOf("ntor-curve25519-sha256-1:key_extract"), bytesOf(input),
                bytesOf("ntor-curve25519-sha256-1:key_expand"), 100);
}

}  // namespace

TEST_CASE("HMAC-SHA256 gives the results of RFC 4231") {
  std::vector<uint8_t> out(32);
  REQUIRE(hmacSha256(bytesOf("Jefe"), bytesOf("what do ya want for nothing?"), out));
  CHECK(toHex(out) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK_FALSE(hmacSha256(bytesOf("Jefe"), bytesOf("short"), MutableByteSpan(out).first(31)));
}

TEST_CASE("HKDF-SHA256 gives the results of RFC 5869") {
  std::vector<uint8_t> rising(256);
  for (size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<uint8_t>(i);
  const ByteSpan bytes(rising);
  const std::vector<uint8_t> input(22, 0x0b);
  CHECK(derive(bytes.first(13), input, bytes.subspan(0xf0, 10), 42) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  CHECK(derive(bytes.subspan(0x60, 80), bytes.first(80), bytes.last(80), 82) ==
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
        "cc30c58179ec3e87c14c01d5c1f3434f1d87");
  CHECK(derive({}, input, {}, 42) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("HKDF-SHA256 gives the results of proposal 216") {
  CHECK(deriveForNtor("") ==
        "d3490ed48b12a48f9547861583573fe3f19aafe3f81dc7fc75eeed96d741b3290f941576c1f9f0b2"
        "d463d1ec7ab2c6bf71cdd7f826c6298c00dbfe6711635d7005f0269493edf6046cc7e7dcf6abe0d2"
        "0c77cf363e8ffe358927817a3d3e73712cee28d8");
  CHECK(deriveForNtor("Tor") ==
        "5521492a85139a8d9107a2d5c0d9c91610d0f95989975ebee6c02a4f8d622a6cfdf9b7c7edd3832e"
        "2760ded1eac309b76f8d66c4a3c4d6225429b3a016e3c3d45911152fc87bc2de9630c3961be9fdb9"
        "f93197ea8e5977180801926d3321fa21513e59ac");
  CHECK(deriveForNtor("AN ALARMING ITEM TO FIND ON YOUR CREDIT-RATING STATEMENT") ==
        "a2aa9b50da7e481d30463adb8f233ff06e9571a0ca6ab6df0fb206fa34e5bc78d063fc291501beec"
        "53b36e5a0e434561200c5f8bd13e0f88b3459600b4dc21d69363e2895321c06184879d94b18f0784"
        "11be70b767c7fc40679a9440a0c95ea83a23efbf");
}

TEST_CASE("HKDF-SHA256 refuses lengths that it cannot give") {
  std::vector<uint8_t> out(255 * 32 + 1);
  CHECK_FALSE(hkdfSha256({}, {}, {}, MutableByteSpan(out).first(0)));
  CHECK_FALSE(hkdfSha256({}, {}, {}, out));
  CHECK(hkdfSha256({}, {}, {}, MutableByteSpan(out).first(255 * 32)));
}
