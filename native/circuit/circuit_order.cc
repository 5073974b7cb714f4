#include "circuit/circuit_order.h"

namespace kist {

bool CircuitOrder::secondKey(PriorityKey& key) const {
  if (top_ == nullptr) return false;
  const bool isTopInLine = top_->heapIndex_ == CircuitQueue::kInLine;
  const CircuitQueue* inLine = isTopInLine ? top_->nextInLine_ : first_;
  const PriorityKey* inHeap = nullptr;
  if (!heap_.isEmpty()) inHeap = isTopInLine ? &heap_.topKey() : heap_.secondKey();
  if (inLine == nullptr && inHeap == nullptr) return false;
  if (inHeap == nullptr) {
    key = inLine->key_;
  } else {
    key = inLine != nullptr && inLine->key_ < *inHeap ? inLine->key_ : *inHeap;
  }
  return true;
}

void CircuitOrder::insert(CircuitQueue& queue) {
  settleGrown();
  heap_.insert(queue);
  findTop();
}

void CircuitOrder::remove(CircuitQueue& queue) {
  if (grown_ == &queue) grown_ = nullptr;
  settleGrown();
  takeOut(queue);
  findTop();
}

void CircuitOrder::settle(CircuitQueue& queue) {
  grown_ = nullptr;
  takeOut(queue);
  if (last_ == nullptr || last_->key_ < queue.key_) {
    queue.heapIndex_ = CircuitQueue::kInLine;
    queue.previousInLine_ = last_;
    queue.nextInLine_ = nullptr;
    (last_ == nullptr ? first_ : last_->nextInLine_) = &queue;
    last_ = &queue;
  } else {
    heap_.insert(queue);
  }
  findTop();
}

void CircuitOrder::rebuild() {
  grown_ = nullptr;
  while (first_ != nullptr) {
    CircuitQueue& queue = *first_;
    unlink(queue);
    heap_.append(queue);
  }
  heap_.rebuild();
  findTop();
}

void CircuitOrder::settleGrown() {
  if (grown_ != nullptr) settle(*grown_);
}

void CircuitOrder::findTop() {
  const bool isLineBetter = first_ != nullptr && (heap_.isEmpty() || first_->key_ < heap_.topKey());
  top_ = isLineBetter ? first_ : heap_.top();
}

void CircuitOrder::takeOut(CircuitQueue& queue) {
  if (queue.heapIndex_ == CircuitQueue::kInLine) {
    unlink(queue);
  } else {
    heap_.remove(queue);
  }
}

void CircuitOrder::unlink(CircuitQueue& queue) {
  (queue.previousInLine_ == nullptr ? first_ : queue.previousInLine_->nextInLine_) = queue.nextInLine_;
  (queue.nextInLine_ == nullptr ? last_ : queue.nextInLine_->previousInLine_) = queue.previousInLine_;
  queue.previousInLine_ = queue.nextInLine_ = nullptr;
  queue.heapIndex_ = CircuitQueue::kInactive;
}

}  // namespace kist
