#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace kist {

class TimerQueue;

/// A one-shot timer that can be armed again. Lives inside what it serves; cancels itself when destroyed,
/// which its own callback may do too. Must not outlive its queue.
class Timer {
 public:
  using Callback = std::function<void()>;

  Timer(TimerQueue& queue, Callback callback) : queue_(queue), callback_(std::move(callback)) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Fires once at `at` (or in the next turn when that is past). Arming again replaces.
  void arm(TimeNs at);
  void cancel();
  bool isArmed() const { return index_ != kNotArmed; }
  TimeNs at() const { return at_; }

 private:
  friend class TimerQueue;
  static constexpr uint32_t kNotArmed = UINT32_MAX;
  /// Set in `index_` while the timer waits in TimerQueue::deferred_ instead of the heap.
  static constexpr uint32_t kDeferred = 1u << 31;

  TimerQueue& queue_;
  Callback callback_;
  TimeNs at_ = 0;
  uint64_t order_ = 0;
  uint32_t index_ = kNotArmed;
};

/// Armed timers of one loop, a binary heap by (time, order of arming): ties fire in the order they were
/// armed.
class TimerQueue {
 public:
  TimeNs nextAt() const { return heap_.empty() ? kNever : heap_[0]->at_; }
  size_t size() const { return heap_.size() + deferredCount_; }
  /// Fires what is due at `now`. A timer armed by a callback for a time already due waits for the next call.
  void fireDue(TimeNs now);

 private:
  friend class Timer;
  void insert(Timer& timer);
  void remove(Timer& timer);
  void siftUp(uint32_t index);
  void siftDown(uint32_t index);
  void place(uint32_t index, Timer* timer);
  static bool isBefore(const Timer& a, const Timer& b);

  std::vector<Timer*> heap_;
  /// Armed by a callback of the running fireDue() for a time already due; null where cancelled since.
  std::vector<Timer*> deferred_;
  size_t deferredCount_ = 0;
  bool isFiring_ = false;
  TimeNs firingNow_ = 0;
  Timer* firing_ = nullptr;  ///< Whose callback runs; null once that timer is destroyed.
  uint64_t nextOrder_ = 0;
};

}  // namespace kist
