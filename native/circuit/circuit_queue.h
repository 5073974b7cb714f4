#pragma once

#include <cstdint>

#include "cell/cell_pool.h"
#include "circuit/priority_key.h"

namespace kist {

class CircuitMux;

/// Cells of one circuit in one direction that wait to be written to one channel: a FIFO of pooled cells, and
/// the circuit's place in that channel's mux. Embedded in Circuit (both directions) or standing alone in
/// tests. Cells are already encoded with the circuit ID of that channel.
class CircuitQueue {
 public:
  CircuitQueue() = default;
  CircuitQueue(const CircuitQueue&) = delete;
  CircuitQueue& operator=(const CircuitQueue&) = delete;

  bool isEmpty() const { return head_ == nullptr; }
  uint32_t size() const { return size_; }
  Cell* front() const { return head_; }
  void push(Cell* cell) {
    (tail_ == nullptr ? head_ : tail_->next) = cell;
    tail_ = cell;
    ++size_;
  }
  Cell* pop() {
    Cell* cell = head_;
    head_ = cell->next;
    if (head_ == nullptr) {
      tail_ = nullptr;
    } else {
      prefetch(*head_);
    }
    cell->next = nullptr;
    --size_;
    return cell;
  }
  /// Time at which the oldest cell was queued; kNever when empty.
  TimeNs oldest() const { return head_ == nullptr ? kNever : head_->queuedAt; }

  bool isAttached() const { return mux_ != nullptr; }
  bool isActive() const { return heapIndex_ != kInactive; }
  const PriorityKey& key() const { return key_; }
  uint64_t cellsSent() const { return cellsSent_; }
  /// Whatever the queue belongs to (a Circuit); not used by mux and scheduler.
  void* owner = nullptr;
  /// Set by the switch while what feeds this queue is held up because the queue is over cellq_high.
  bool feederPaused = false;
  /// In the switch's list of paused queues.
  bool isListedPaused = false;
  /// While this many doublings of cellq_high are allowed (see CellSwitch: circuits that pass a relay twice).
  uint8_t overdraft = 0;
  /// Last time a cell left; for the stall rule.
  TimeNs lastMoved = 0;
  /// Scheduler's note: place in the list of circuits served by the last run that served this one.
  uint32_t servedIndex = 0;

 private:
  /// A queue of a busy relay is longer than the caches: the next cell comes while others are served.
  static void prefetch(const Cell& cell) {
    constexpr size_t kCacheLine = 64;
    const char* bytes = reinterpret_cast<const char*>(&cell);
    for (size_t at = 0; at < sizeof(Cell); at += kCacheLine) __builtin_prefetch(bytes + at);
  }

  friend class CircuitMux;
  friend class CircuitHeap;
  friend class CircuitOrder;
  friend class OrderedMux;
  friend class EwmaMux;
  friend class RoundRobinMux;
  static constexpr uint32_t kInactive = UINT32_MAX;
  static constexpr uint32_t kInLine =
      UINT32_MAX - 1;  ///< Active, in CircuitOrder's line instead of its heap.

  Cell* head_ = nullptr;
  Cell* tail_ = nullptr;
  uint32_t size_ = 0;

  CircuitMux* mux_ = nullptr;
  PriorityKey key_;
  uint64_t cellsSent_ = 0;
  uint32_t heapIndex_ = kInactive;
  CircuitQueue* previousInLine_ = nullptr;
  CircuitQueue* nextInLine_ = nullptr;
  // All queues of one mux, active or not (rescaling visits them).
  CircuitQueue* previousInMux_ = nullptr;
  CircuitQueue* nextInMux_ = nullptr;
};

}  // namespace kist
