#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "base/assert.h"
#include "base/clock.h"
#include "base/status.h"
#include "loop/timer.h"

namespace kist {

/// Drives everything of one reactor. Two implementations: EpollLoop (a thread of its own: epoll, timerfd, eventfd) and
/// ManualLoop (stepped by its caller, with a manual clock). One turn: descriptor events, due timers, posted tasks, then
/// the TurnListener. Everything but post() and wake() must be called on the loop's own thread, which is asserted.
class EventLoop : public Clock {
 public:
  /// Told of descriptor events; `events` is a mask of EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP.
  class FdListener {
   public:
    virtual void onFdEvents(uint32_t events) = 0;

   protected:
    ~FdListener() = default;
  };

  /// Told at the end of every turn. True: something is left to do at once, so the next turn must not sleep.
  class TurnListener {
   public:
    virtual bool onTurnEnd() = 0;
    /// Just before the loop sleeps. False: work turned up meanwhile (another reactor's ring); do not sleep.
    virtual bool onBeforeSleep() = 0;

   protected:
    ~TurnListener() = default;
  };

  using Task = std::function<void()>;

  /// Time at the start of this turn (refreshed by refreshNow). Cheap.
  TimeNs now() const override { return now_; }
  /// Reads the clock anew and moves now() on.
  virtual TimeNs refreshNow() = 0;

  /// Level-triggered watch of `fd`. kInvalid, kInUse, kExhausted, kError.
  virtual Status watch(int fd, uint32_t events, FdListener& listener) = 0;
  virtual Status modify(int fd, uint32_t events, FdListener& listener) = 0;
  /// Safe inside any listener: no event of this fd is delivered afterwards, not even of the current turn's batch.
  virtual void unwatch(int fd) = 0;

  /// Runs `task` in a coming turn. Any thread. Tasks of one thread keep their order.
  virtual void post(Task task) = 0;
  /// Makes a sleeping loop turn once more. Any thread. At most one system call.
  virtual void wake() = 0;

  void setTurnListener(TurnListener* listener) { turnListener_ = listener; }
  TimerQueue& timers() { return timers_; }

  bool isInLoop() const { return owner_ == std::this_thread::get_id(); }
  void assertInLoop() const { KIST_ASSERT(isInLoop()); }

 protected:
  TimeNs now_ = 0;
  TimerQueue timers_;
  TurnListener* turnListener_ = nullptr;
  std::thread::id owner_ = std::this_thread::get_id();
};

}  // namespace kist
