#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <memory>
#include <vector>

#include "loop/event_loop.h"
#include "loop/sleep_flag.h"
#include "loop/task_queue.h"

namespace kist {

/// EventLoop over epoll, one timerfd (so that deadlines are exact to the clock, not to a millisecond) and one
/// eventfd. Knows CLOCK_MONOTONIC only: a jump of the wall clock changes nothing, after a suspension a late
/// timer fires once. A turn: sleep or poll, now() anew, descriptor events, due timers, posted tasks,
/// TurnListener::onTurnEnd. Run by one thread at a time (ReactorThread, or a test through runOnce).
class EpollLoop final : public EventLoop {
 public:
  /// Null when a descriptor cannot be had; `error` is the errno.
  static std::unique_ptr<EpollLoop> create(int& error);
  ~EpollLoop() override;
  EpollLoop(const EpollLoop&) = delete;
  EpollLoop& operator=(const EpollLoop&) = delete;

  TimeNs refreshNow() override;
  Status watch(int fd, uint32_t events, FdListener& listener) override;
  Status modify(int fd, uint32_t events, FdListener& listener) override;
  void unwatch(int fd) override;
  void post(Task task) override;
  void wake() override;
  LoopStats stats() const override;

  /// Turns until stop(). The calling thread becomes the loop's own.
  void run();
  /// Ends run() after its current turn, for good: a later run() returns at once. Any thread. Tasks still
  /// posted stay.
  void stop();
  /// One turn that sleeps for `maxWait` at most (0: polls; kNever: until something happens). For tests.
  void runOnce(TimeNs maxWait);

 private:
  /// Who listens to one descriptor. The generation tells events of an earlier watch of the same number apart.
  struct Watch {
    FdListener* listener = nullptr;
    uint32_t generation = 0;
    uint32_t events = 0;
  };
  struct Counters {
    std::atomic<uint64_t> turns{0}, sleeps{0}, systemCalls{0}, fdEvents{0}, tasks{0}, wakeWrites{0};
  };
  static constexpr int kBatch = 256;
  /// Generation of the loop's own descriptors.
  static constexpr uint32_t kOwn = 0;

  EpollLoop() = default;
  int open();
  int addOwn(int fd, uint32_t events);
  int control(int operation, int fd, uint32_t events, uint32_t generation);
  void turn(TimeNs maxWait);
  bool mayStayAsleep();
  void armTimerFd();
  int wait(TimeNs maxWait);
  void deliver(int count);
  void deliverOne(const epoll_event& event);

  int epollFd_ = -1;
  int timerFd_ = -1;
  int wakeFd_ = -1;
  TimeNs armedAt_ = kNever;  ///< What the timerfd is set to; kNever when disarmed.
  uint32_t nextGeneration_ = 1;
  bool workLeft_ = false;
  std::vector<Watch> watches_;  ///< By descriptor.
  epoll_event batch_[kBatch];
  TaskQueue tasks_;
  SleepFlag sleepFlag_;
  std::atomic<bool> stopping_{false};
  Counters counters_;
};

}  // namespace kist
