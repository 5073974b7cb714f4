#include "circuit/circuit_heap.h"

namespace kist {

bool CircuitHeap::secondKey(PriorityKey& key) const {
  if (queues_.size() < 2) return false;
  key = queues_[1]->key_;
  if (queues_.size() > 2 && queues_[2]->key_ < key) key = queues_[2]->key_;
  return true;
}

void CircuitHeap::insert(CircuitQueue& queue) {
  settleGrown();
  queues_.push_back(&queue);
  place(static_cast<uint32_t>(queues_.size() - 1), &queue);
  siftUp(queue.heapIndex_);
}

void CircuitHeap::remove(CircuitQueue& queue) {
  if (grown_ == &queue) grown_ = nullptr;
  settleGrown();
  const uint32_t index = queue.heapIndex_;
  CircuitQueue* last = queues_.back();
  queues_.pop_back();
  queue.heapIndex_ = CircuitQueue::kInactive;
  if (last == &queue) return;
  place(index, last);
  siftUp(index);
  siftDown(last->heapIndex_);
}

void CircuitHeap::settle(CircuitQueue& queue) {
  grown_ = nullptr;
  siftDown(queue.heapIndex_);
}

void CircuitHeap::rebuild() {
  grown_ = nullptr;
  for (size_t i = queues_.size() / 2; i-- > 0;) siftDown(static_cast<uint32_t>(i));
}

void CircuitHeap::settleGrown() {
  if (grown_ != nullptr) settle(*grown_);
}

void CircuitHeap::siftUp(uint32_t index) {
  CircuitQueue* queue = queues_[index];
  while (index > 0) {
    const uint32_t parent = (index - 1) / 2;
    if (!(queue->key_ < queues_[parent]->key_)) break;
    place(index, queues_[parent]);
    index = parent;
  }
  place(index, queue);
}

void CircuitHeap::siftDown(uint32_t index) {
  CircuitQueue* queue = queues_[index];
  const auto size = static_cast<uint32_t>(queues_.size());
  for (uint32_t child = 2 * index + 1; child < size; child = 2 * index + 1) {
    if (child + 1 < size && queues_[child + 1]->key_ < queues_[child]->key_) ++child;
    if (!(queues_[child]->key_ < queue->key_)) break;
    place(index, queues_[child]);
    index = child;
  }
  place(index, queue);
}

void CircuitHeap::place(uint32_t index, CircuitQueue* queue) {
  queues_[index] = queue;
  queue->heapIndex_ = index;
}

}  // namespace kist
