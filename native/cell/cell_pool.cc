#include "cell/cell_pool.h"

namespace kist {

Cell* CellPool::take() {
  if (free_ == nullptr) addSlab();
  Cell* cell = free_;
  free_ = cell->next;
  cell->next = nullptr;
  ++inUse_;
  return cell;
}

void CellPool::giveBack(Cell* cell) {
  cell->next = free_;
  free_ = cell;
  if (--inUse_ == 0 && slabs_.size() > kSlabsKept) trim();
}

void CellPool::addSlab() {
  auto slab = std::make_unique<Cell[]>(kCellsPerSlab);
  for (size_t i = 0; i < kCellsPerSlab; ++i) {
    slab[i].next = free_;
    free_ = &slab[i];
  }
  slabs_.push_back(std::move(slab));
}

void CellPool::trim() {
  slabs_.resize(kSlabsKept);
  free_ = nullptr;
  for (auto& slab : slabs_) {
    for (size_t i = 0; i < kCellsPerSlab; ++i) {
      slab[i].next = free_;
      free_ = &slab[i];
    }
  }
}

}  // namespace kist
