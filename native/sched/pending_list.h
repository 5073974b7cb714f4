#pragma once

#include <cstddef>

#include "sched/schedulable_channel.h"

namespace kist {

/// Pending channels that are not parked, in the order of becoming so; linked through their slots.
class PendingList {
 public:
  bool isEmpty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  SchedulableChannel* first() const { return first_; }

  void append(SchedulableChannel& channel) {
    channel.slot.previous = last_;
    channel.slot.next = nullptr;
    (last_ == nullptr ? first_ : last_->slot.next) = &channel;
    last_ = &channel;
    ++size_;
  }
  void remove(SchedulableChannel& channel) {
    SchedulableChannel* previous = channel.slot.previous;
    SchedulableChannel* next = channel.slot.next;
    (previous == nullptr ? first_ : previous->slot.next) = next;
    (next == nullptr ? last_ : next->slot.previous) = previous;
    channel.slot.previous = channel.slot.next = nullptr;
    --size_;
  }

 private:
  SchedulableChannel* first_ = nullptr;
  SchedulableChannel* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace kist
