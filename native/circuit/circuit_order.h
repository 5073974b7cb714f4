#pragma once

#include "circuit/circuit_heap.h"
#include "circuit/circuit_queue.h"

namespace kist {

/// The active circuits of one mux in their total order. Circuits are served in order of their keys and a
/// cell's weight never falls, so those that were just served come out in order too: they stand in a line, and
/// only what does not fit its end (a circuit that became active, one lighter than the last in line) is in a
/// heap. The best is the first of either. So a hundred bulk circuits that take turns cost no sifting, and the
/// order is the same as with a heap alone.
///
/// The key of the best one may grow for a whole run of cells before settle() moves it; what happens to the
/// order meanwhile settles it first.
class CircuitOrder {
 public:
  CircuitQueue* top() const { return top_; }
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
  void findTop();
  void takeOut(CircuitQueue& queue);
  void unlink(CircuitQueue& queue);

  CircuitHeap heap_;
  CircuitQueue* first_ = nullptr;  ///< The line: keys rise from first to last.
  CircuitQueue* last_ = nullptr;
  CircuitQueue* top_ = nullptr;
  CircuitQueue* grown_ = nullptr;
};

}  // namespace kist
