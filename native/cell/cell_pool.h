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

/// Cells of one reactor, taken from slabs: no allocation per cell. Not thread safe. Returned cells are used
/// again first; whenever all have come back the slabs are handed out from their beginning anew, so that cells
/// taken one after the other lie one after the other and do not scatter with time. trim() gives spare slabs
/// back.
class CellPool {
 public:
  CellPool() = default;
  CellPool(const CellPool&) = delete;
  CellPool& operator=(const CellPool&) = delete;

  Cell* take() {
    Cell* cell = free_;
    if (cell != nullptr) {
      free_ = cell->next;
    } else {
      cell = takeFresh();
    }
    cell->next = nullptr;
    ++inUse_;
    return cell;
  }
  void giveBack(Cell* cell) {
    cell->next = free_;
    free_ = cell;
    if (--inUse_ == 0) startAnew();
  }
  /// Frees slabs beyond those in use since the last call; only when no cell is out. To be called now and
  /// then.
  void trim();

  uint64_t inUse() const { return inUse_; }
  size_t slabs() const { return slabs_.size(); }

 private:
  static constexpr size_t kCellsPerSlab = 128;
  static constexpr size_t kSlabsKept = 8;

  Cell* takeFresh();
  void startAnew() {
    free_ = nullptr;
    slab_ = 0;
    fresh_ = 0;
  }

  std::vector<std::unique_ptr<Cell[]>> slabs_;
  Cell* free_ = nullptr;
  size_t slab_ = 0;  ///< Where the next fresh cell is: slab, and place in it.
  size_t fresh_ = 0;
  size_t used_ = 0;  ///< Slabs touched since the last trim().
  uint64_t inUse_ = 0;
};

}  // namespace kist
