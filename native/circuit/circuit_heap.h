#pragma once

#include <cstddef>
#include <vector>

#include "circuit/circuit_queue.h"

namespace kist {

/// Circuits by key, best first: a 4-ary heap with the keys in its array that keeps each queue's place in the
/// queue itself, so that leaving needs no search. Part of CircuitOrder.
class CircuitHeap {
 public:
  bool isEmpty() const { return entries_.empty(); }
  CircuitQueue* top() const { return entries_.empty() ? nullptr : entries_[0].queue; }
  const PriorityKey& topKey() const { return entries_[0].key; }
  /// The second in order; null when there are fewer than two.
  const PriorityKey* secondKey() const;
  void insert(CircuitQueue& queue);
  void remove(CircuitQueue& queue);
  /// Adds without ordering: rebuild() must follow.
  void append(CircuitQueue& queue);
  /// Reads all keys anew and restores the order.
  void rebuild();

 private:
  static constexpr size_t kArity = 4;
  struct Entry {
    PriorityKey key;
    CircuitQueue* queue;
  };

  void siftUp(size_t index, const Entry& entry);
  void siftDown(size_t index, const Entry& entry);
  void place(size_t index, const Entry& entry);
  /// The lowest child of `index`; the size when it has none.
  size_t lowestChild(size_t index) const;

  std::vector<Entry> entries_;
};

}  // namespace kist
