#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

#include "base/assert.h"
#include "base/clock.h"
#include "base/status.h"
#include "loop/timer.h"

namespace kist {

/// Figures of one loop since it was made, copied at one moment.
struct LoopStats {
  uint64_t turns = 0;
  uint64_t sleeps = 0;       ///< Turns that began with a wait that could block.
  uint64_t systemCalls = 0;  ///< Made by the loop itself, not by its listeners.
  uint64_t fdEvents = 0;     ///< Delivered to listeners.
  uint64_t tasks = 0;        ///< Posted tasks that ran.
  uint64_t wakeWrites = 0;   ///< System calls that other threads made to wake it.
};

/// Drives everything of one reactor. Two implementations: EpollLoop (a thread of its own: epoll, timerfd,
/// eventfd) and ManualLoop (stepped by its caller, with a manual clock). One turn: descriptor events, due
/// timers, posted tasks, then the TurnListener. Everything but post() and wake() must be called on the loop's
/// own thread, which is asserted.
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
    /// Called after the loop announced its sleep, so what a producer publishes later wakes it (see
    /// sleep_flag.h).
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
  /// A descriptor is unwatched before it is closed.
  virtual Status watch(int fd, uint32_t events, FdListener& listener) = 0;
  virtual Status modify(int fd, uint32_t events, FdListener& listener) = 0;
  /// Safe inside any listener: no event of this fd is delivered afterwards, not even of the current turn's
  /// batch.
  virtual void unwatch(int fd) = 0;

  /// Runs `task` in a coming turn. Any thread. Tasks of one thread keep their order.
  virtual void post(Task task) = 0;
  /// Makes a sleeping loop turn once more. Any thread. At most one system call; none while the loop is awake,
  /// because it looks at what was published before the call in onBeforeSleep().
  virtual void wake() = 0;

  void setTurnListener(TurnListener* listener) { turnListener_ = listener; }
  TimerQueue& timers() { return timers_; }

  virtual LoopStats stats() const = 0;

  bool isInLoop() const { return owner_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
  void assertInLoop() const { KIST_ASSERT(isInLoop()); }
  /// Makes the calling thread the loop's own: before it runs, or after the thread that ran it was joined.
  void adopt() { owner_.store(std::this_thread::get_id(), std::memory_order_relaxed); }

 protected:
  TimeNs now_ = 0;
  TimerQueue timers_;
  TurnListener* turnListener_ = nullptr;
  /// Atomic only so that a check on a foreign thread is no data race.
  std::atomic<std::thread::id> owner_ = std::this_thread::get_id();
};

}  // namespace kist
