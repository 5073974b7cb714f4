#pragma once

#include <cstdint>
#include <vector>

#include "sched/schedulable_channel.h"

namespace kist {

/// Binary heap of channels, lowest key first. Each channel's place is kept in its slot (the member `Index`),
/// so that a change of key or leaving needs no search.
template <typename Key, uint32_t SchedulerSlot::*Index>
class ChannelHeap {
 public:
  bool isEmpty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  void reserve(size_t channels) { entries_.reserve(channels); }
  bool contains(const SchedulableChannel& channel) const {
    return channel.slot.*Index != SchedulerSlot::kNotPending;
  }
  SchedulableChannel* top() const { return entries_.empty() ? nullptr : entries_[0].channel; }
  const Key& topKey() const { return entries_[0].key; }
  SchedulableChannel* at(size_t index) const { return entries_[index].channel; }

  /// The lowest key of any channel but `channel`; null when there is none.
  const Key* bestKeyBut(const SchedulableChannel& channel) const {
    if (entries_.empty()) return nullptr;
    if (entries_[0].channel != &channel) return &entries_[0].key;
    if (entries_.size() < 2) return nullptr;
    const bool third = entries_.size() > 2 && entries_[2].key < entries_[1].key;
    return &entries_[third ? 2 : 1].key;
  }

  void insert(SchedulableChannel& channel, const Key& key) {
    append(channel, key);
    siftUp(entries_.size() - 1);
  }
  /// Adds without ordering: rebuild() must follow.
  void append(SchedulableChannel& channel, const Key& key) {
    entries_.push_back({key, &channel});
    channel.slot.*Index = static_cast<uint32_t>(entries_.size() - 1);
  }
  void rebuild() {
    for (size_t i = entries_.size() / 2; i-- > 0;) siftDown(i);
  }
  void setKey(const SchedulableChannel& channel, const Key& key) { entries_[channel.slot.*Index].key = key; }
  void update(SchedulableChannel& channel, const Key& key) {
    const size_t index = channel.slot.*Index;
    const bool lower = key < entries_[index].key;
    entries_[index].key = key;
    if (entries_.size() == 1) return;
    lower ? siftUp(index) : siftDown(index);
  }
  void remove(SchedulableChannel& channel) {
    const size_t index = channel.slot.*Index;
    channel.slot.*Index = SchedulerSlot::kNotPending;
    const Entry last = entries_.back();
    entries_.pop_back();
    if (last.channel == &channel) return;
    place(index, last);
    siftUp(index);
    siftDown(last.channel->slot.*Index);
  }
  void clear() {
    for (const Entry& entry : entries_) entry.channel->slot.*Index = SchedulerSlot::kNotPending;
    entries_.clear();
  }

 private:
  struct Entry {
    Key key;
    SchedulableChannel* channel;
  };

  void siftUp(size_t index) {
    const Entry entry = entries_[index];
    while (index > 0) {
      const size_t parent = (index - 1) / 2;
      if (!(entry.key < entries_[parent].key)) break;
      place(index, entries_[parent]);
      index = parent;
    }
    place(index, entry);
  }
  void siftDown(size_t index) {
    const Entry entry = entries_[index];
    const size_t size = entries_.size();
    for (size_t child = 2 * index + 1; child < size; child = 2 * index + 1) {
      if (child + 1 < size && entries_[child + 1].key < entries_[child].key) ++child;
      if (!(entries_[child].key < entry.key)) break;
      place(index, entries_[child]);
      index = child;
    }
    place(index, entry);
  }
  void place(size_t index, const Entry& entry) {
    entries_[index] = entry;
    entry.channel->slot.*Index = static_cast<uint32_t>(index);
  }

  std::vector<Entry> entries_;
};

/// Channels that may still write in the current run, best circuit first.
using PendingHeap = ChannelHeap<PriorityKey, &SchedulerSlot::heapIndex>;
/// Parked channels, the one to be asked next first.
using ParkedHeap = ChannelHeap<TimeNs, &SchedulerSlot::parkedIndex>;

}  // namespace kist
