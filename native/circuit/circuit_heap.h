#pragma once

#include <cstdint>
#include <vector>

#include "circuit/circuit_queue.h"

namespace kist {

/// The active circuits of one mux, best first: a binary heap that keeps each queue's place in the queue
/// itself, so that leaving needs no search. The key of the best one may grow for a whole run of cells before
/// settle() moves it; what happens to the heap meanwhile settles it first.
class CircuitHeap {
 public:
  CircuitQueue* top() const { return queues_.empty() ? nullptr : queues_[0]; }
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
  void settleGrown();
  void siftUp(uint32_t index);
  void siftDown(uint32_t index);
  void place(uint32_t index, CircuitQueue* queue);

  std::vector<CircuitQueue*> queues_;
  CircuitQueue* grown_ = nullptr;
};

}  // namespace kist
