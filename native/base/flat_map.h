#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace kist {

/// Map from 32-bit keys to small values: open addressing, linear probing, backward-shift deletion. Hashing is
/// salted by the table's address, so a peer that chooses keys cannot aim at one bucket. Iteration order is
/// unspecified.
template <typename Value>
class FlatMap {
 public:
  Value* find(uint32_t key) {
    if (slots_.empty()) return nullptr;
    for (size_t i = indexOf(key);; i = (i + 1) & mask()) {
      if (!slots_[i].used) return nullptr;
      if (slots_[i].key == key) return &slots_[i].value;
    }
  }

  /// Inserts or overwrites.
  void set(uint32_t key, const Value& value) {
    if (Value* existing = find(key)) {
      *existing = value;
      return;
    }
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    place(key, value);
    ++size_;
  }

  bool erase(uint32_t key) {
    if (slots_.empty()) return false;
    size_t hole = indexOf(key);
    while (slots_[hole].used && slots_[hole].key != key) hole = (hole + 1) & mask();
    if (!slots_[hole].used) return false;
    slots_[hole].used = false;
    for (size_t i = (hole + 1) & mask(); slots_[i].used; i = (i + 1) & mask()) {
      const size_t home = indexOf(slots_[i].key);
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      slots_[i].used = false;
      hole = i;
    }
    --size_;
    return true;
  }

  size_t size() const { return size_; }

  template <typename F>
  void forEach(F&& visit) {
    for (Slot& slot : slots_) {
      if (slot.used) visit(slot.key, slot.value);
    }
  }

 private:
  struct Slot {
    uint32_t key = 0;
    bool used = false;
    Value value{};
  };

  size_t mask() const { return slots_.size() - 1; }
  size_t indexOf(uint32_t key) const {
    uint64_t hash = (key ^ (reinterpret_cast<uintptr_t>(this) >> 4)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    return static_cast<size_t>(hash) & mask();
  }
  void place(uint32_t key, const Value& value) {
    size_t i = indexOf(key);
    while (slots_[i].used) i = (i + 1) & mask();
    slots_[i] = Slot{key, true, value};
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 8 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.used) place(slot.key, slot.value);
    }
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace kist
