#pragma once

#include <atomic>

#include "loop/event_loop.h"
#include "loop/task_queue.h"

namespace kist {

/// EventLoop with a manual clock, stepped by its caller: no thread, no sleep, no descriptors. The same calls
/// give the same order of events on every machine. The public test kit, tests and the simulator run on it.
class ManualLoop final : public EventLoop {
 public:
  explicit ManualLoop(TimeNs start = 0) { now_ = start; }

  /// The clock is manual: moves nothing.
  TimeNs refreshNow() override { return now_; }
  /// kUnsupported: transports that need the kernel do not run here.
  Status watch(int fd, uint32_t events, FdListener& listener) override;
  Status modify(int fd, uint32_t events, FdListener& listener) override;
  void unwatch(int /*fd*/) override {}
  void post(Task task) override { tasks_.push(std::move(task)); }
  void wake() override { woken_.store(true, std::memory_order_seq_cst); }
  LoopStats stats() const override { return stats_; }

  /// One turn at now(). True: something is left to do at this time.
  bool step();
  /// Turns at now() until nothing is left, `maxTurns` at most. True: quiet.
  bool runUntilQuiet(uint32_t maxTurns = kMaxTurns);
  /// Moves the clock to `at` (never back), stopping at each timer's deadline on the way to run turns until
  /// quiet. False: some moment did not come to rest within kMaxTurns turns; the clock stays there.
  bool advanceTo(TimeNs at);
  bool advance(TimeNs by) { return advanceTo(now_ + by); }
  /// When step() next has something to do: now() with tasks waiting, else the earliest timer, kNever without
  /// one.
  TimeNs nextWake();

  static constexpr uint32_t kMaxTurns = 100'000;

 private:
  TaskQueue tasks_;
  std::atomic<bool> woken_{false};
  LoopStats stats_;
};

}  // namespace kist
