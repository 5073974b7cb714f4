#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "dataplane/event.h"

namespace kist {

/// The way from all reactors to the control plane: batches in, one wake-up for many. Any thread. A reactor
/// never waits here for JavaScript: the lock is held for a splice only. Credit: above kHigh undelivered
/// events, what feeds them is held until kLow.
class EventQueue {
 public:
  static constexpr size_t kHigh = 1024;
  static constexpr size_t kLow = 512;

  /// `onEvents`: called on the pushing thread when the queue stops being empty. `onCredit`: on the draining
  /// thread when the count falls to kLow after hasCredit() had said no.
  EventQueue(std::function<void()> onEvents, std::function<void()> onCredit)
      : onEvents_(std::move(onEvents)), onCredit_(std::move(onCredit)) {}

  /// Takes all of `batch` and leaves it empty.
  void push(std::vector<Event>& batch) {
    if (batch.empty()) return;
    bool wasEmpty = false;
    {
      const std::lock_guard lock(mutex_);
      wasEmpty = events_.empty();
      for (Event& event : batch) events_.push_back(std::move(event));
      undelivered_.store(events_.size(), std::memory_order_relaxed);
    }
    batch.clear();
    if (wasEmpty) onEvents_();
  }

  /// Up to `max` events in the order of their batches.
  std::vector<Event> drain(size_t max) {
    std::vector<Event> taken;
    bool giveCredit = false;
    {
      const std::lock_guard lock(mutex_);
      while (!events_.empty() && taken.size() < max) {
        taken.push_back(std::move(events_.front()));
        events_.pop_front();
      }
      undelivered_.store(events_.size(), std::memory_order_relaxed);
      giveCredit = events_.size() <= kLow && starved_.exchange(false, std::memory_order_relaxed);
    }
    if (giveCredit) onCredit_();
    return taken;
  }

  /// False: hold what feeds events; onCredit will come.
  bool hasCredit(size_t notPushedYet) {
    if (undelivered() + notPushedYet < kHigh) return true;
    starved_.store(true, std::memory_order_relaxed);
    return false;
  }
  size_t undelivered() const { return undelivered_.load(std::memory_order_relaxed); }

 private:
  std::function<void()> onEvents_;
  std::function<void()> onCredit_;
  std::mutex mutex_;
  std::deque<Event> events_;
  std::atomic<size_t> undelivered_{0};
  std::atomic<bool> starved_{false};
};

}  // namespace kist
