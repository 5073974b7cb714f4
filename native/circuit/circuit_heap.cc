#include "circuit/circuit_heap.h"

#include <algorithm>

namespace kist {

const PriorityKey* CircuitHeap::secondKey() const {
  const size_t second = lowestChild(0);
  return second < entries_.size() ? &entries_[second].key : nullptr;
}

void CircuitHeap::insert(CircuitQueue& queue) {
  entries_.emplace_back();
  siftUp(entries_.size() - 1, Entry{queue.key_, &queue});
}

void CircuitHeap::append(CircuitQueue& queue) {
  entries_.emplace_back();
  place(entries_.size() - 1, Entry{queue.key_, &queue});
}

void CircuitHeap::remove(CircuitQueue& queue) {
  const size_t index = queue.heapIndex_;
  const Entry last = entries_.back();
  entries_.pop_back();
  queue.heapIndex_ = CircuitQueue::kInactive;
  if (last.queue == &queue) return;
  siftUp(index, last);
  siftDown(last.queue->heapIndex_, last);
}

void CircuitHeap::rebuild() {
  for (Entry& entry : entries_) entry.key = entry.queue->key_;
  for (size_t i = entries_.size() / kArity + 1; i-- > 0;) {
    if (i < entries_.size()) siftDown(i, Entry(entries_[i]));
  }
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
