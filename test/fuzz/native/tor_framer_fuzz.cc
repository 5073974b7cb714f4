// Any cut of a stream of Tor's cells gives the same cells, each of the length that it says, and none is
// longer than a variable cell can be. Relay cells are taken apart, or refused where their length cannot be.
// Input: two bytes that choose the cuts, then the stream.
#include <cstdlib>
#include <vector>

#include "cell/tor_dialect.h"

namespace {

using namespace kist;
using Bytes = std::vector<uint8_t>;

constexpr size_t kLongest = 7 + 65'535;

struct Framed {
  std::vector<Bytes> cells;
  bool isMalformed = false;
  bool operator==(const Framed&) const = default;
};

void require(bool condition) {
  if (!condition) std::abort();
}

void checkCell(const CellView& cell, bool isFirst) {
  require(cell.length >= 5 && cell.length <= kLongest);
  require(!isFirst || cell.kind == CellKind::kLink);
  if (isFirst) return;
  const bool isVariable = TorDialect::isVariable(cell.command);
  require(isVariable ? cell.length == 7u + loadU16(cell.bytes + 5) : cell.length == TorDialect::kCellLength);
  // The switch copies such cells into buffers of this length.
  const bool isLink = cell.kind == CellKind::kLink || cell.kind == CellKind::kPadding;
  require(isLink || cell.kind == CellKind::kUnknown || cell.length == TorDialect::kCellLength);
}

/// Hands the stream in by pieces of lengths that a small generator picks; `seed` 0: at once.
Framed frame(const TorDialect& dialect, ByteSpan stream, uint32_t seed) {
  Framed framed;
  const auto framer = dialect.makeFramer();
  Bytes input;
  while (!framed.isMalformed && !stream.empty()) {
    size_t piece = stream.size();
    if (seed != 0) {
      seed = seed * 1664525u + 1013904223u;
      piece = std::min<size_t>(piece, 1 + (seed >> 16) % ((seed & 0x1000) != 0 ? 7u : 1100u));
    }
    input.insert(input.end(), stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(piece));
    stream = stream.subspan(piece);
    while (true) {
      CellView cell;
      size_t consumed = 0;
      // A copy of exactly this size, so that a read past its end is seen.
      const Bytes exact = input;
      const auto result = framer->next(exact, cell, consumed);
      require(consumed <= exact.size());
      if (result == Framer::Result::kCell) {
        require(consumed == cell.length);
        checkCell(cell, framed.cells.empty());
        framed.cells.emplace_back(cell.bytes, cell.bytes + cell.length);
      }
      input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(consumed));
      framed.isMalformed = result == Framer::Result::kMalformed;
      if (result != Framer::Result::kCell) break;
    }
  }
  return framed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static const TorDialect kDialect;
  const uint32_t seed = loadU16(data) | 1u;
  const ByteSpan stream(data + 2, size - 2);
  const Framed whole = frame(kDialect, stream, 0);
  require(whole == frame(kDialect, stream, seed));
  for (size_t i = 1; i < whole.cells.size(); ++i) {
    if (kDialect.view(whole.cells[i].data()).kind != CellKind::kRelay) continue;
    RelayMessage message;
    const bool isWhole = kDialect.parseRelay(whole.cells[i].data(), message);
    require(!isWhole || message.data.size() <= kDialect.relayDataCapacity());
  }
  return 0;
}
