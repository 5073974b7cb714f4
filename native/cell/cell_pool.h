#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"

namespace kist {

/// The longest fixed-length cell of any dialect (Tor with 4-byte circuit IDs: 514; Tor61: 512).
constexpr uint32_t kMaxCellLength = 514;

/// A cell that waits in a circuit queue.
struct Cell {
  Cell* next = nullptr;
  TimeNs queuedAt = 0;
  uint16_t length = 0;
  uint8_t bytes[kMaxCellLength];
};

/// Cells of one reactor, taken from slabs: no allocation per cell. Not thread safe. Slabs are given back when the pool
/// falls idle, all but a few.
class CellPool {
 public:
  CellPool() = default;
  CellPool(const CellPool&) = delete;
  CellPool& operator=(const CellPool&) = delete;

  Cell* take();
  void giveBack(Cell* cell);

  uint64_t inUse() const { return inUse_; }

 private:
  static constexpr size_t kCellsPerSlab = 128;
  static constexpr size_t kSlabsKept = 8;

  void addSlab();
  void trim();

  std::vector<std::unique_ptr<Cell[]>> slabs_;
  Cell* free_ = nullptr;
  uint64_t inUse_ = 0;
};

}  // namespace kist
