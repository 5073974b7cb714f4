#include "base/chunk_buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace kist;

namespace {

std::vector<uint8_t> takeAll(ChunkBuffer& buffer) {
  std::vector<uint8_t> bytes;
  iovec parts[4];
  while (const int count = buffer.peek(parts, 4)) {
    size_t taken = 0;
    for (int i = 0; i < count; ++i) {
      const uint8_t* begin = static_cast<const uint8_t*>(parts[i].iov_base);
      bytes.insert(bytes.end(), begin, begin + parts[i].iov_len);
      taken += parts[i].iov_len;
    }
    buffer.consume(taken);
  }
  return bytes;
}

}  // namespace

TEST_CASE("chunk buffer: bytes come out as they went in, however they were put and taken") {
  ChunkPool pool;
  ChunkBuffer buffer(pool);
  std::vector<uint8_t> in;
  std::vector<uint8_t> out;
  uint32_t seed = 5;
  const auto random = [&](uint32_t below) {
    return seed = seed * 1664525u + 1013904223u, (seed >> 8) % below;
  };
  for (int round = 0; round < 20'000; ++round) {
    const uint8_t value = static_cast<uint8_t>(round);
    switch (random(4)) {
      case 0: {
        const size_t count = random(1025);
        const size_t used = random(static_cast<uint32_t>(count) + 1);
        uint8_t* at = buffer.reserve(count);
        std::fill(at, at + used, value);
        buffer.commit(used);
        in.insert(in.end(), used, value);
        break;
      }
      case 1: {
        const std::vector<uint8_t> bytes(random(40'000) / (1 + random(50)), value);
        buffer.append(bytes);
        in.insert(in.end(), bytes.begin(), bytes.end());
        break;
      }
      default: {
        std::vector<uint8_t> copied(std::min<size_t>(buffer.size(), random(6000)));
        CHECK(buffer.copyOut(copied));
        buffer.consume(copied.size());
        out.insert(out.end(), copied.begin(), copied.end());
      }
    }
    CHECK(buffer.size() == in.size() - out.size());
    if (buffer.isEmpty()) CHECK(pool.chunksInUse() == 0);
  }
  const std::vector<uint8_t> rest = takeAll(buffer);
  out.insert(out.end(), rest.begin(), rest.end());
  CHECK(out == in);
  CHECK(pool.chunksInUse() == 0);
}

TEST_CASE("chunk buffer: empty it holds no memory, also after a reservation that was given up") {
  ChunkPool pool(2);
  ChunkBuffer buffer(pool);
  buffer.reserve(514);
  CHECK(pool.chunksInUse() == 1);
  buffer.commit(0);
  CHECK(pool.chunksInUse() == 0);
  CHECK(buffer.front().empty());
  buffer.append(std::vector<uint8_t>(100'000, 1));
  CHECK(pool.chunksInUse() == 7);
  CHECK(pool.bytesInUse() == 7 * 16384);
  buffer.clear();
  CHECK(buffer.isEmpty());
  CHECK(pool.chunksInUse() == 0);
  CHECK(pool.freeChunks() == 2);  // As many as the pool may keep.
}

TEST_CASE("chunk buffer: a reserved cell is contiguous also at the end of a chunk") {
  ChunkPool pool;
  ChunkBuffer buffer(pool);
  for (int i = 0; i < 100; ++i) {
    uint8_t* at = buffer.reserve(514);
    std::fill(at, at + 514, static_cast<uint8_t>(i));
    buffer.commit(514);
  }
  CHECK(buffer.size() == 51'400);
  iovec parts[10];
  CHECK(buffer.peek(parts, 2) == 2);
  CHECK(buffer.peek(parts, 10) == 4);
  for (int i = 0; i < 4; ++i) CHECK(parts[i].iov_len % 514 == 0);
  uint8_t few[3];
  std::vector<uint8_t> tooMany(60'000);
  CHECK(!buffer.copyOut(tooMany));
  CHECK(buffer.copyOut(few));
  CHECK(buffer.reserveSome(1024).size() >= 1024);
}
