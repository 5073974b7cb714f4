#include "crypto/running_digest.h"

#include <doctest/doctest.h>

#include "crypto/text_bytes.h"
#include "hex.h"

using namespace kist;

namespace {

std::string read(const RunningDigest& digest) {
  uint8_t out[RunningDigest::kBytes];
  digest.read(out);
  return toHex(out);
}

}  // namespace

TEST_CASE("a running digest is SHA-1 of all so far, and reading does not disturb it") {
  RunningDigest digest;
  CHECK(read(digest) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  digest.add(bytesOf("abc"));
  // FIPS 180, both.
  CHECK(read(digest) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(read(digest) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  digest.add(bytesOf("dbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"));
  CHECK(read(digest) == "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

TEST_CASE("a copy of a running digest goes its own way") {
  RunningDigest digest;
  digest.add(bytesOf("a"));
  RunningDigest saved(digest);
  digest.add(bytesOf("something else"));
  saved.add(bytesOf("bc"));
  CHECK(read(saved) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  digest = saved;
  CHECK(read(digest) == read(saved));
}
