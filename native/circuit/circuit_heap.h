#pragma once

#include <cstdint>
#include <vector>

#include "circuit/circuit_queue.h"

namespace kist {

/// The active circuits of one mux, best first: a 4-ary heap with the keys in its array (a hundred equal circuits are
/// sifted once per cell, and must not be looked up for it) that keeps each queue's place in the queue itself, so that
/// leaving needs no search. The key of the best one may grow for a whole run of cells before
/// settle() moves it; what happens to the heap meanwhile settles it first.
class CircuitHeap {
 public:
  CircuitQueue* top() const { return entries_.empty() ? nullptr : entries_[0].queue; }
  /// Key of the second in order. False when there are fewer than two.
  bool secondKey(PriorityKey& key) const;
  void insert(CircuitQueue& queue);
  void remove(CircuitQueue& queue);
  /// Notes that the key of `queue` grew and its place is not right any more.
  void markGrown(CircuitQueue& queue) { grown_ = &queue; }
  /// Finds the place of a queue whose key grew.
  void settle(CircuitQueue& queue);
  /// Restores the order after keys of any queues changed.
  void rebuild();

 private:
  static constexpr size_t kArity = 4;
  struct Entry {
    PriorityKey key;
    CircuitQueue* queue;
  };

  void settleGrown();
  void siftUp(size_t index, const Entry& entry);
  void siftDown(size_t index, const Entry& entry);
  void place(size_t index, const Entry& entry);
  /// The lowest child of `index`; the size when it has none.
  size_t lowestChild(size_t index) const;

  std::vector<Entry> entries_;
  CircuitQueue* grown_ = nullptr;
};

}  // namespace kist
