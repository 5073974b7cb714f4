#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "loop/event_loop.h"

namespace kist {

/// Tasks posted to a loop, in order. push() on any thread, the rest on the loop's.
class TaskQueue {
 public:
  void push(EventLoop::Task task) {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back(std::move(task));
    hasTasks_.store(true, std::memory_order_release);
  }

  /// Exact: under the mutex, as the last look before a sleep must be.
  bool isEmpty() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return tasks_.empty();
  }

  /// Without the mutex: may miss a task that arrives meanwhile.
  bool seemsEmpty() const { return !hasTasks_.load(std::memory_order_acquire); }

  /// Runs what was posted so far, outside the mutex; what these tasks post waits for the next call. Returns
  /// their number. A task that arrives meanwhile may be missed here, never by isEmpty().
  size_t runAll() {
    if (seemsEmpty()) return 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      running_.swap(tasks_);
      hasTasks_.store(false, std::memory_order_relaxed);
    }
    const size_t count = running_.size();
    for (EventLoop::Task& task : running_) {
      task();
      task = nullptr;  // What it holds must not live until the last task ran.
    }
    running_.clear();
    return count;
  }

 private:
  std::mutex mutex_;
  std::vector<EventLoop::Task> tasks_;
  std::vector<EventLoop::Task> running_;
  std::atomic<bool> hasTasks_{false};
};

}  // namespace kist
