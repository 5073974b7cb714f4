#include "circuit/circuit_heap.h"

#include <algorithm>

namespace kist {

bool CircuitHeap::secondKey(PriorityKey& key) const {
  const size_t second = lowestChild(0);
  if (second >= entries_.size()) return false;
  key = entries_[second].key;
  return true;
}

void CircuitHeap::insert(CircuitQueue& queue) {
  settleGrown();
  entries_.emplace_back();
  siftUp(entries_.size() - 1, Entry{queue.key_, &queue});
}

void CircuitHeap::remove(CircuitQueue& queue) {
  if (grown_ == &queue) grown_ = nullptr;
  settleGrown();
  const size_t index = queue.heapIndex_;
  const Entry last = entries_.back();
  entries_.pop_back();
  queue.heapIndex_ = CircuitQueue::kInactive;
  if (last.queue == &queue) return;
  siftUp(index, last);
  siftDown(last.queue->heapIndex_, last);
}

void CircuitHeap::settle(CircuitQueue& queue) {
  grown_ = nullptr;
  siftDown(queue.heapIndex_, Entry{queue.key_, &queue});
}

void CircuitHeap::rebuild() {
  grown_ = nullptr;
  for (Entry& entry : entries_) entry.key = entry.queue->key_;
  for (size_t i = entries_.size() / kArity + 1; i-- > 0;) {
    if (i < entries_.size()) siftDown(i, Entry(entries_[i]));
  }
}

void CircuitHeap::settleGrown() {
  if (grown_ != nullptr) settle(*grown_);
}

size_t CircuitHeap::lowestChild(size_t index) const {
  const size_t first = kArity * index + 1;
  const size_t end = std::min(first + kArity, entries_.size());
  if (first >= end) return entries_.size();
  size_t lowest = first;
  for (size_t child = first + 1; child < end; ++child) {
    if (entries_[child].key < entries_[lowest].key) lowest = child;
  }
  return lowest;
}

void CircuitHeap::siftUp(size_t index, const Entry& entry) {
  while (index > 0) {
    const size_t parent = (index - 1) / kArity;
    if (!(entry.key < entries_[parent].key)) break;
    place(index, entries_[parent]);
    index = parent;
  }
  place(index, entry);
}

void CircuitHeap::siftDown(size_t index, const Entry& entry) {
  for (size_t child = lowestChild(index); child < entries_.size(); child = lowestChild(index)) {
    if (!(entries_[child].key < entry.key)) break;
    place(index, entries_[child]);
    index = child;
  }
  place(index, entry);
}

void CircuitHeap::place(size_t index, const Entry& entry) {
  entries_[index] = entry;
  entry.queue->heapIndex_ = static_cast<uint32_t>(index);
}

}  // namespace kist
