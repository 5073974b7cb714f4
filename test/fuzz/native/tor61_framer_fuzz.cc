// Any cut of a byte stream gives the same cells, and every relay cell among them can be taken apart.
// Input: two bytes that choose the cuts, then the stream.
#include <cstdlib>
#include <vector>

#include "registry/dialects.h"

namespace {

using kist::ByteSpan;
using Bytes = std::vector<uint8_t>;

struct Framed {
  std::vector<Bytes> cells;
  bool malformed = false;
  bool operator==(const Framed&) const = default;
};

void require(bool condition) {
  if (!condition) std::abort();
}

/// Hands the stream in by pieces of lengths that a small generator picks; `seed` 0: at once.
Framed frame(const kist::Dialect& dialect, ByteSpan stream, uint32_t seed) {
  Framed framed;
  const auto framer = dialect.makeFramer();
  Bytes input;
  while (!framed.malformed && !stream.empty()) {
    size_t piece = stream.size();
    if (seed != 0) {
      seed = seed * 1664525u + 1013904223u;
      piece = std::min<size_t>(piece, 1 + (seed >> 16) % ((seed & 0x1000) != 0 ? 7u : 1100u));
    }
    input.insert(input.end(), stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(piece));
    stream = stream.subspan(piece);
    while (true) {
      kist::CellView cell;
      size_t consumed = 0;
      // A copy of exactly this size, so that a read past its end is seen.
      const Bytes exact = input;
      const auto result = framer->next(exact, cell, consumed);
      require(consumed <= exact.size());
      if (result == kist::Framer::Result::kCell) {
        require(cell.length == dialect.cellLength());
        framed.cells.emplace_back(cell.bytes, cell.bytes + cell.length);
      }
      input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(consumed));
      if (result == kist::Framer::Result::kMalformed) framed.malformed = true;
      if (result != kist::Framer::Result::kCell) break;
    }
  }
  return framed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint32_t seed = kist::loadU16(data) | 1u;
  const ByteSpan stream(data + 2, size - 2);
  const kist::Dialect& dialect = *kist::findDialect("tor61");
  const Framed whole = frame(dialect, stream, 0);
  require(whole == frame(dialect, stream, seed));
  for (const Bytes& cell : whole.cells) {
    if (dialect.view(cell.data()).kind != kist::CellKind::kRelay) continue;
    kist::RelayMessage message;
    require(dialect.parseRelay(cell.data(), message));
    require(message.data.size() <= dialect.relayDataCapacity());
  }
  return 0;
}
