#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/handle.h"

namespace kist {

/// Owns objects of one kind of one reactor and gives each a Handle. Slots are reused oldest first, each time
/// under a new generation, so a stale handle finds nothing for 16 million reuses of its slot.
template <typename T>
class SlotTable {
 public:
  explicit SlotTable(uint32_t reactor) : reactor_(reactor) {}

  /// Stores `object`; a null handle when all slots are taken (the object is then dropped).
  Handle insert(std::unique_ptr<T> object) {
    uint32_t slot;
    if (freeHead_ != kNone && (slots_.size() >= kReuseAfter || slots_.size() == Handle::kMaxSlots)) {
      slot = freeHead_;
      freeHead_ = slots_[slot].nextFree;
      if (freeHead_ == kNone) freeTail_ = kNone;
    } else if (slots_.size() < Handle::kMaxSlots) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      return Handle{};
    }
    slots_[slot].object = std::move(object);
    ++size_;
    return Handle::make(reactor_, slot, slots_[slot].generation);
  }

  T* find(Handle handle) const {
    const uint32_t slot = handle.slot();
    if (slot >= slots_.size() || slots_[slot].generation != handle.generation()) return nullptr;
    return slots_[slot].object.get();
  }

  /// Takes the object out and retires the handle.
  std::unique_ptr<T> remove(Handle handle) {
    if (find(handle) == nullptr) return nullptr;
    Slot& entry = slots_[handle.slot()];
    std::unique_ptr<T> object = std::move(entry.object);
    entry.generation = entry.generation == Handle::kMaxGeneration ? 1 : entry.generation + 1;
    entry.nextFree = kNone;
    if (freeTail_ == kNone) {
      freeHead_ = handle.slot();
    } else {
      slots_[freeTail_].nextFree = handle.slot();
    }
    freeTail_ = handle.slot();
    --size_;
    return object;
  }

  uint32_t size() const { return size_; }

  template <typename F>
  void forEach(F&& visit) const {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].object) visit(*slots_[i].object);
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kReuseAfter = 64;  ///< A few fresh slots first, so that quick reuse is rare.

  struct Slot {
    std::unique_ptr<T> object;
    uint32_t generation = 1;
    uint32_t nextFree = kNone;
  };

  uint32_t reactor_;
  std::vector<Slot> slots_;
  uint32_t freeHead_ = kNone;
  uint32_t freeTail_ = kNone;
  uint32_t size_ = 0;
};

}  // namespace kist
