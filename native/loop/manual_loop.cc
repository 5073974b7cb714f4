#include "loop/manual_loop.h"

#include <algorithm>

namespace kist {

Status ManualLoop::watch(int /*fd*/, uint32_t /*events*/, FdListener& /*listener*/) {
  return Status::kUnsupported;
}

Status ManualLoop::modify(int /*fd*/, uint32_t /*events*/, FdListener& /*listener*/) {
  return Status::kUnsupported;
}

bool ManualLoop::step() {
  assertInLoop();
  ++stats_.turns;
  woken_.store(false, std::memory_order_seq_cst);
  timers_.fireDue(now_);
  stats_.tasks += tasks_.runAll();
  if (turnListener_ != nullptr && turnListener_->onTurnEnd()) return true;
  if (timers_.nextAt() <= now_ || !tasks_.isEmpty()) return true;
  if (turnListener_ != nullptr && !turnListener_->onBeforeSleep()) return true;
  return nextWake() <= now_;
}

bool ManualLoop::runUntilQuiet(uint32_t maxTurns) {
  for (uint32_t turns = 0; turns < maxTurns; ++turns) {
    if (!step()) return true;
  }
  return false;
}

bool ManualLoop::advanceTo(TimeNs at) {
  assertInLoop();
  if (nextWake() <= now_ && !runUntilQuiet()) return false;
  while (timers_.nextAt() < at) {
    now_ = std::max(now_, timers_.nextAt());
    if (!runUntilQuiet()) return false;
  }
  now_ = std::max(now_, at);
  return runUntilQuiet();
}

TimeNs ManualLoop::nextWake() {
  if (woken_.load(std::memory_order_seq_cst) || !tasks_.isEmpty()) return now_;
  return timers_.nextAt();
}

}  // namespace kist
