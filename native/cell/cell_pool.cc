#include "cell/cell_pool.h"

#include <algorithm>

namespace kist {

Cell* CellPool::takeFresh() {
  if (fresh_ == kCellsPerSlab) {
    ++slab_;
    fresh_ = 0;
  }
  if (slab_ == slabs_.size()) slabs_.push_back(std::make_unique_for_overwrite<Cell[]>(kCellsPerSlab));
  used_ = std::max(used_, slab_ + 1);
  return &slabs_[slab_][fresh_++];
}

void CellPool::trim() {
  if (inUse_ > 0) return;
  slabs_.resize(std::min(slabs_.size(), std::max(used_, kSlabsKept)));
  used_ = 0;
}

}  // namespace kist
